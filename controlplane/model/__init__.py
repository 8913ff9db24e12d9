"""The words of the product as frozen values: no I/O, no clock, no chance, nothing but the standard library."""
