"""An int8 model verified against its simulation, and written."""
