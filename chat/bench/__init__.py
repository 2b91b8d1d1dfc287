"""Measuring: the server beside a bare one under the same load, by receivers that check what they get."""
