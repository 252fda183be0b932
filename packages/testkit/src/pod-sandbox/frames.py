"""Sees every frame that comes out of the pod. The pod's end sends beacons: what left before one has arrived before it."""
import socket
import struct

ETH_P_ALL = 3
BEACON = 0x88B5  # for local experiments (IEEE 802, Local Experimental Ethertype 1)
MAX_FRAME = 65536
RECEIVE_BUFFER = 64 << 20

listening = None
sending = None


def listen(device):
    global listening
    listening = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUFFORCE if hasattr(socket, "SO_RCVBUFFORCE") else 33, RECEIVE_BUFFER)
    listening.bind((device, 0))


def send_beacon(device, number):
    """The socket stays open: to close one that is bound to a device takes the kernel ten milliseconds and more."""
    global sending
    if sending is None:
        sending = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        sending.bind((device, 0))
    sending.send(b"\xff" * 6 + b"\x02" + b"\x00" * 5 + struct.pack("!HI", BEACON, number) + b"\x00" * 42)


def frames_before_beacon(number):
    """In hexadecimal, in order, since the last call."""
    seen = []
    while True:
        frame, (_, protocol, kind, *_) = listening.recvfrom(MAX_FRAME)
        if kind == socket.PACKET_OUTGOING:
            continue
        if protocol != BEACON:
            seen.append(frame.hex())
        elif struct.unpack("!I", frame[14:18])[0] == number:
            return seen
