"""What a plugin asks back, and who may ask it."""
