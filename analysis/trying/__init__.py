"""What a change of recipe gives when it is really applied and measured."""
