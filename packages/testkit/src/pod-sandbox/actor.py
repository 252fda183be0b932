"""Runs the functions of a module, one line of JSON at a time: {"call": …, "args": {…}} in, its value or its errno out."""
import errno
import json
import runpy
import sys
import traceback

functions = runpy.run_path(sys.argv[1])
print(json.dumps({"value": "ready"}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = {"value": functions[request["call"]](**request["args"])}
    except OSError as error:
        answer = {"errno": errno.errorcode.get(error.errno, type(error).__name__)}
    except Exception:
        answer = {"error": traceback.format_exc()}
    print(json.dumps(answer), flush=True)
