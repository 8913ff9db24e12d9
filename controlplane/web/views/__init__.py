"""What each page shows, as plain values made from plain values: no request, no ledger, no clock."""
