"""Scan-to-pay with the medical insurance e-credential at designated institutions."""
