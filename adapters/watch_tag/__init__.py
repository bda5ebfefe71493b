"""Watch tags (見守りタグ): Bluetooth beacons that detectors along the streets, in vehicles and in phones hear."""
