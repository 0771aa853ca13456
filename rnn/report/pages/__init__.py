"""From executed notebooks to the PDF and the HTML page."""
