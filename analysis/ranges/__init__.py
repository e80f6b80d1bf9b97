"""What every rule would choose for a tensor, what each threshold costs, and weights by channel."""
