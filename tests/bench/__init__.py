"""Measurements beside a peer, printed by ``make bench``; never run as tests."""
