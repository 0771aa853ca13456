"""What can be measured of a text and of a trained network."""
