"""One tool that does, on request, everything that a host must survive."""

import os
import sys
import time

from dify_plugin import Tool
from dify_plugin.entities import ParameterOption
from dify_plugin.entities.tool import ToolInvokeMessage


class ProbeTool(Tool):
    def _invoke(self, tool_parameters):
        amount = tool_parameters.get("amount") or 1
        yield from getattr(self, "_" + tool_parameters["act"])(int(amount), tool_parameters)

    def _fetch_parameter_options(self, parameter):
        return [ParameterOption(value=v, label={"en_US": v.upper()}) for v in ("a", "b")]

    def _echo(self, amount, parameters):
        yield self.create_text_message("first ")
        yield self.create_text_message("second")
        yield self.create_json_message({"amount": amount})
        yield self.create_variable_message("answer", f"got {amount}")
        yield self.create_link_message("https://example.com/")
        log = self.create_log_message(
            "Work", {"percent": 10}, ToolInvokeMessage.LogMessage.LogStatus.START
        )
        yield log
        yield self.finish_log_message(log, data={"percent": 100})

    def _blob(self, amount, parameters):
        data = bytes(range(256)) * (amount // 256)
        yield self.create_blob_message(data, {"mime_type": "image/png", "filename": "../a b.png"})

    def _read_file(self, amount, parameters):
        file = parameters["document"]
        yield self.create_text_message(f"{file.filename} {file.size} {file.blob.decode()}")

    def _fail(self, amount, parameters):
        yield self.create_text_message("half an answer")
        raise ValueError("no such thing\nWhat to do: Try another.")

    def _line(self, amount, parameters):
        yield self.create_text_message("x" * amount)

    def _print(self, amount, parameters):
        print("just printing")
        print('{"event": 5, "data": []}', flush=True)
        yield self.create_text_message("printed")

    def _raw(self, amount, parameters):
        for line in parameters["lines"]:
            text = line.replace("SESSION", self.session.session_id)
            os.write(1, b"\n" + text.encode() + b"\n")
        yield self.create_text_message("after")

    def _close_stdout(self, amount, parameters):
        os.close(1)
        time.sleep(600)
        yield self.create_text_message("nobody hears this")

    def _exit(self, amount, parameters):
        sys.stderr.write("the engine room is on fire\n")
        sys.stderr.flush()
        os._exit(amount)

    def _sleep(self, amount, parameters):
        yield self.create_log_message("Asleep", {})
        time.sleep(amount / 1000)
        yield self.create_text_message(f"slept {amount}")

    def _spin(self, amount, parameters):
        end = time.monotonic() + amount
        while time.monotonic() < end:
            pass
        yield self.create_text_message("spun")

    def _child(self, amount, parameters):
        import subprocess

        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        yield self.create_variable_message("answer", str(child.pid))

    def _store(self, amount, parameters):
        self.session.storage.set("k", b"v")
        yield self.create_text_message("stored")

    def _ask_model(self, amount, parameters):
        from dify_plugin.entities.model.text_embedding import TextEmbeddingModelConfig

        model = TextEmbeddingModelConfig(provider="p", model="m")
        self.session.model.text_embedding.invoke(model, ["text"])
        yield self.create_text_message("embedded")

    def _environment(self, amount, parameters):
        names = sorted(name for name in os.environ if name.startswith("STUDIO_"))
        yield self.create_text_message(",".join(names))

    def _credentials(self, amount, parameters):
        yield self.create_text_message(str(self.runtime.credentials.get("token")))

    def _odd_logs(self, amount, parameters):
        odd = {"percent": "half", "label": "not this", "status": "nor this"}
        spent = {"total_price": "n/a", "total_tokens": "12"}
        yield self.create_log_message("Odd", odd, metadata=spent)
        yield self.create_text_message("done")

    def _nothing(self, amount, parameters):
        yield from ()
