"""The engine: a problem in, a plan out. It knows nothing of bookings, clocks or databases."""
