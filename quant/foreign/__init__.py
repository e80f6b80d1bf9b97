"""Int8 models of other tools: their parameters, what is wrong in them, and a recipe like them."""
