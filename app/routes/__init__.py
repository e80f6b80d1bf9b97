"""What the server answers beside the pages: Netron and Plotly."""
