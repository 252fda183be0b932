"""Everybody outside: a name server whose answers change, web servers, and peers that connect in."""
import socket
import struct
import threading

QUIET_S = 0.2  # where nobody may ever answer
PATIENCE_S = 30  # where somebody must
answers = {}
aliases = {}
questions = []


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def serve_dns(address):
    s = socket.socket(family_of(address), socket.SOCK_DGRAM)
    s.bind((address, 53))

    def loop():
        while True:
            query, peer = s.recvfrom(4096)
            try:
                name, kind, end = question_of(query)
            except (IndexError, struct.error):
                continue  # the agent got through, which the frames show
            questions.append(f"{name} {kind}")
            target = aliases.get(name, name)
            wanted = [a for a in answers.get(target, []) if (28 if ":" in a else 1) == kind]
            code = 0 if target in answers else 3
            records = [record(name, 5, wire_name(target))] if target != name else []
            records += [record(target, kind, socket.inet_pton(family_of(a), a)) for a in wanted]
            header = query[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, len(records), 0, 0)
            body = b"".join(records)
            s.sendto(header + query[12:end] + body, peer)

    threading.Thread(target=loop, daemon=True).start()


def wire_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def record(name, kind, data):
    return wire_name(name) + struct.pack("!HHIH", kind, 1, 0, len(data)) + data


def question_of(query):
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode("latin-1"))
        at += 1 + query[at]
    return ".".join(labels).lower(), struct.unpack("!H", query[at + 1 : at + 3])[0], at + 5


def answer(name, addresses):
    answers[name] = addresses


def alias(name, target):
    """`name` is another name (CNAME) for `target`, which has addresses."""
    aliases[name] = target


def asked():
    seen = list(questions)
    questions.clear()
    return seen


def serve_http(address, port, resets=False, keeps=False):
    """Says `outside` once for a connection, or to every request of it; or resets the connection, once it has a request."""
    s = socket.socket(family_of(address), socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((address, port))
    s.listen(4096)

    def loop():
        while True:
            connection, _ = s.accept()
            threading.Thread(target=respond, args=(connection, resets, keeps), daemon=True).start()

    threading.Thread(target=loop, daemon=True).start()


open_connections = {}  # those that are kept, and the threads that wait for more on them


def end_connections():
    """Returns once the other side has ended them as well."""
    for connection, thread in list(open_connections.items()):
        connection.shutdown(socket.SHUT_WR)
        thread.join()


def respond(connection, resets, keeps):
    with connection:
        if keeps:
            open_connections[connection] = threading.current_thread()
            while connection.recv(65536):
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 7\r\n\r\noutside")
            del open_connections[connection]
            return
        connection.recv(65536)
        if resets:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        connection.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/plain\r\ncontent-length: 7\r\n\r\noutside")
        connection.recv(1)  # the end of the other side comes first, so that its socket is gone before ours


# Peers that connect in

kept = {}


def read_from(address, port, say="", from_port=0, patient=False, keep=False):
    """Connects, says something and gives what is answered first."""
    s = socket.socket(family_of(address), socket.SOCK_STREAM)
    s.settimeout(PATIENCE_S if patient else QUIET_S)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        if from_port:
            s.bind(("", from_port))
        s.connect((address, port))
        s.sendall(say.encode())
        return s.recv(65536).decode("latin-1")
    finally:
        if keep:
            kept[from_port] = s
        else:
            s.close()


def close_kept(from_port):
    kept.pop(from_port).close()


def drop_kept(from_port):
    """Closes without a word to the other side."""
    s = kept.pop(from_port)
    s.setsockopt(socket.IPPROTO_TCP, 19, 1)  # TCP_REPAIR
    s.close()


def send_to(address, port, say):
    with socket.socket(family_of(address), socket.SOCK_DGRAM) as s:
        s.settimeout(QUIET_S)
        s.sendto(say.encode(), (address, port))
        return s.recv(2048).decode("latin-1")


def ping(address):
    with socket.socket(family_of(address), socket.SOCK_RAW, 58 if ":" in address else 1) as s:
        s.sendto(b"\x80\0\0\0\0\x01\0\x01" if ":" in address else b"\x08\0\xf7\xfd\0\x01\0\x01", (address, 0))


def too_big(packet, mtu):
    """ICMP type 3, code 4 (RFC 1191 §4), about the packet that would come after one that was seen."""
    seen = bytes.fromhex(packet)
    after = struct.unpack("!I", seen[24:28])[0] + len(seen) - 20 - (seen[32] >> 4) * 4
    body = struct.pack("!BBHHH", 3, 4, 0, 0, mtu) + seen[:24] + struct.pack("!I", after & 0xFFFFFFFF)
    total = sum(struct.unpack(f"!{len(body) // 2}H", body))
    total = (total & 0xFFFF) + (total >> 16)
    check = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as s:
        s.sendto(body[:2] + struct.pack("!H", check) + body[4:], (socket.inet_ntoa(seen[12:16]), 0))


def advertise_route(prefix):
    """A router advertisement (RFC 4861 §4.2) with one prefix on the link."""
    option = struct.pack("!BBBBIII", 3, 4, 64, 0x80, 3600, 3600, 0) + socket.inet_pton(socket.AF_INET6, prefix)
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as s:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        index = socket.if_nametoindex("eth0")
        s.sendto(b"\x86\0\0\0" + struct.pack("!BBHII", 64, 0, 0, 0, 0) + option, ("ff02::1", 0, 0, index))


def unfinished():
    """Connections whose last acknowledgement is missing."""
    with open("/proc/net/tcp") as f:
        return sum(1 for line in f if line.split()[3] == "09")


fresh = 0


def fresh_label():
    """A name that nobody has asked for yet."""
    global fresh
    fresh += 1
    return f"n{fresh}"
