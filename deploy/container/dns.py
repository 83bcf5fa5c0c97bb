"""A name server for the test of the image: answers one name with 127.0.0.1, and every other with NXDOMAIN.

python3 dns.py NAME: listens on 127.0.0.1:53 until it is ended.
"""

import socket
import struct
import sys


def question(packet: bytes) -> tuple[str, int, int]:
    """The name that a query asks for, its type, and where the question ends."""
    labels, at = [], 12
    while packet[at]:
        labels.append(packet[at + 1 : at + 1 + packet[at]].decode())
        at += 1 + packet[at]
    return ".".join(labels).lower(), struct.unpack_from(">H", packet, at + 1)[0], at + 5


def answer(packet: bytes, known: str) -> bytes:
    """An address for the known name, nothing for its other types, an error for other names."""
    name, kind, end = question(packet)
    found = name == known
    address = found and kind == 1
    head = packet[:2] + struct.pack(">HHHHH", 0x8180 if found else 0x8183, 1, int(address), 0, 0)
    record = struct.pack(">HHHIH4B", 0xC00C, 1, 1, 60, 4, 127, 0, 0, 1) if address else b""
    return head + packet[12:end] + record


def main() -> None:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
    while True:
        packet, client = server.recvfrom(512)
        server.sendto(answer(packet, sys.argv[1]), client)


main()
