"""What makes the math fast; it need not be read to follow the math."""
