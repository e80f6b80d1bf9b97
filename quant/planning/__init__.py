"""A recipe resolved on a model: what each node and tensor gets."""
