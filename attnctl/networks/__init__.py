"""Networks with attention: building them, counting them, and what planning must know of them."""
