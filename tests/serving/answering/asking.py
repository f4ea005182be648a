"""What the tests of tools and plans ask, and what there is to find."""

TEXTS = ["The mill ground 40 tons in May.", "The mill ground 70 tons in June."]
SERVED = [{"type": "metier", "name": "search"}, {"type": "metier", "name": "python"}]


def ask(client, text="Plot the mill's tons as a chart.", **options):
    options = {"tools": SERVED, **options}
    messages = [{"role": "user", "content": text}]
    return client.chat.completions.create(model="scripted", messages=messages, **options)
