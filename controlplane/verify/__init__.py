"""Did what we changed do what we said it would? And if it did harm: take it back."""
