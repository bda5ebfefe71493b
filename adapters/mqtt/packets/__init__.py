"""MQTT's packets as bytes and as values, without sockets: 3.1.1 is written here, 5.0 is the library `mqtt5`.

Both versions speak the values of `mqtt5`, whose packets say everything that 3.1.1's can.
"""
