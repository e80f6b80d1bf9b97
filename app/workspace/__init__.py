"""What is open, and everything that is kept between two runs of a page."""
