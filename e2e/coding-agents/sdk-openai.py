from openai import OpenAI

hello = [{"role": "user", "content": "hello"}]
chunks = OpenAI().chat.completions.create(model="gpt-5", messages=hello, stream=True)
print("".join(chunk.choices[0].delta.content or "" for chunk in chunks))
events = OpenAI().responses.create(model="gpt-5", input="hello", stream=True)
print("".join(event.delta for event in events if event.type == "response.output_text.delta"))
