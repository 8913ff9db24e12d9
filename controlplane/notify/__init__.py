"""The voice: what is worth a message, how it is worded, when it is sent, and where."""
