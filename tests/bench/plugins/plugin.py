from orderdesk_plugin import Plugin

MESSAGE = {"message": {"type": "string"}}

plugin = Plugin(
    "bench-python",
    "0.1.0",
    description="What is measured.",
    wishes=[('http = [{ endpoint = "slow", allow = ["GET /wait"] }]', "to wait")],
)


@plugin.tool(title="Say", description="Says it back.", read_only=True, input=MESSAGE, output=MESSAGE)
def bench_python_say(context, message):
    return {"message": message}


@plugin.tool(title="Wait", description="Waits.", read_only=True)
def bench_python_wait(context):
    context.http.send("slow", path=["wait"])
    return {"message": "waited"}
