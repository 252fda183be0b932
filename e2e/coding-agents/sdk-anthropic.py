import anthropic

hello = [{"role": "user", "content": "hello"}]
with anthropic.Anthropic().messages.stream(model="claude-opus-5-5", max_tokens=100, messages=hello) as stream:
    print("".join(stream.text_stream))
