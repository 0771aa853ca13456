"""A character-level recurrent network with hand-written gradients, and the report about it."""
