"""The hands: they write a change where it takes effect, or say what they would have written."""
