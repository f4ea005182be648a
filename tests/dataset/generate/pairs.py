"""Questions about two passages, with answers that are right and others that are plainly wrong."""

HARBOUR = """The Harbour Act was passed in 1911. Parliament amended the Harbour Act in 1934 \
after a long debate. The Harbour Board paid the owners $4,200,000 for the eastern pier. The \
Harbour Board granted a licence to the Northern Steam Company on March 3, 1926. The \
Northern Steam Company operated the ferry because the railway bridge was closed in winter. \
The inquiry was led by Judge Martha Oldcastle. About 63 percent of the passengers survived \
the storm. The inquiry concluded that the ferry carried too many passengers. The wreck was \
raised off Tern Island in July 1931."""

QUARRY = """The Quarry Commission opened the Slate Quarry in 1875. The Quarry Commission employed \
310 people in the first winter. Director Alan Whitcombe closed the Slate Quarry on July 9, \
1903, due to flooding. The Upland Railway carried the slate to the coast. The High Court \
dismissed the claim of the Upland Railway. The lower pit was drained for eleven weeks. The \
poor harvest of 1879 caused the strike, and Foreman Ruth Abney settled it with a rise of 4 \
shillings."""

RIGHT = [
    (HARBOUR, "Which company was granted a licence?", "the Northern Steam Company"),
    (HARBOUR, "Which company was granted a licence by the Harbour Board?",
     "Northern Steam Company"),
    (HARBOUR, "Who granted the licence in 1926?", "The Harbour Board"),
    (HARBOUR, "Which body gave the Northern Steam Company its licence?", "The Harbour Board"),
    (HARBOUR, "When was the licence granted?", "March 3, 1926"),
    (HARBOUR, "In which year did the Northern Steam Company get its licence?", "1926"),
    (HARBOUR, "What did the Harbour Board grant to the Northern Steam Company?", "a licence"),
    (HARBOUR, "What did the Harbour Board grant in 1926?",
     "a licence to the Northern Steam Company"),
    (HARBOUR, "Why did the Northern Steam Company operate the ferry?",
     "because the railway bridge was closed in winter"),
    (HARBOUR, "Why was the ferry needed?", "The railway bridge was closed in winter."),
    (HARBOUR, "Who led the inquiry?", "Judge Martha Oldcastle"),
    (HARBOUR, "By whom was the inquiry led?", "Martha Oldcastle"),
    (HARBOUR, "What share of the passengers survived the storm?", "About 63 percent"),
    (HARBOUR, "How much did the Harbour Board pay for the eastern pier?", "$4,200,000"),
    (HARBOUR, "Who was paid for the eastern pier?", "the owners"),
    (HARBOUR, "What did the inquiry conclude?", "that the ferry carried too many passengers"),
    (HARBOUR, "What did the inquiry say about the ferry?", "It carried too many passengers"),
    (HARBOUR, "When did Parliament amend the Harbour Act?", "in 1934"),
    (HARBOUR, "Which law was passed in 1911?", "The Harbour Act"),
    (HARBOUR, "Where was the wreck raised?", "off Tern Island"),
    (HARBOUR, "In what month was the wreck raised?", "July 1931"),
    (HARBOUR, "What was raised off Tern Island?", "The wreck"),
    (HARBOUR, "Was the bridge closed in winter or in summer?", "in winter"),
    (QUARRY, "How many people did the Quarry Commission employ in the first winter?", "310"),
    (QUARRY, "Who closed the Slate Quarry?", "Director Alan Whitcombe"),
    (QUARRY, "Why did the Slate Quarry close?", "flooding"),
    (QUARRY, "On which date did the director close the quarry?", "July 9, 1903"),
    (QUARRY, "Which railway carried the slate?", "The Upland Railway"),
    (QUARRY, "Where did the Upland Railway carry the slate?", "to the coast"),
    (QUARRY, "What did the High Court dismiss?", "the claim of the Upland Railway"),
    (QUARRY, "Which court dismissed the claim?", "The High Court"),
    (QUARRY, "Whose claim was dismissed by the High Court?", "the Upland Railway"),
    (QUARRY, "How long was the lower pit drained?", "eleven weeks"),
    (QUARRY, "What caused the strike?", "The poor harvest of 1879"),
    (QUARRY, "Why was there a strike?", "The poor harvest of 1879"),
    (QUARRY, "Who settled the strike?", "Foreman Ruth Abney"),
    (QUARRY, "How did Foreman Ruth Abney settle the strike?", "with a rise of 4 shillings"),
    (QUARRY, "Did the High Court allow the claim of the Upland Railway?", "No"),
]  # fmt: skip
"""Passage, question, answer."""

WRONG = [
    (HARBOUR, "Which company was granted a licence?", "March 3, 1926"),
    (HARBOUR, "Which company was granted a licence?", "1926"),
    (HARBOUR, "Which company was granted a licence?", "a licence"),
    (HARBOUR, "Which company was granted a licence?", "The Harbour Board"),
    (HARBOUR, "Who granted the licence in 1926?", "the Northern Steam Company"),
    (HARBOUR, "Who granted the licence?", "March 3, 1926"),
    (HARBOUR, "When was the licence granted?", "The Harbour Board"),
    (HARBOUR, "When was the licence granted?", "the Northern Steam Company"),
    (HARBOUR, "In which year was the licence granted?", "March"),
    (HARBOUR, "In which year was the licence granted?", "1934"),
    (HARBOUR, "What did the Harbour Board grant?", "March 3, 1926"),
    (HARBOUR, "What did the Harbour Board grant?", "the Northern Steam Company"),
    (HARBOUR, "Why did the ferry have problems?", "The inquiry"),
    (HARBOUR, "Why was the ferry operated?", "winter"),
    (HARBOUR, "Why did the company operate the ferry?", "the Northern Steam Company"),
    (HARBOUR, "Who led the inquiry?", "too many passengers"),
    (HARBOUR, "Who led the inquiry?", "1911"),
    (HARBOUR, "How much did the Harbour Board pay for the eastern pier?", "the owners"),
    (HARBOUR, "How much did the Harbour Board pay for the eastern pier?", "63 percent"),
    (HARBOUR, "Who was paid for the eastern pier?", "$4,200,000"),
    (HARBOUR, "Who was paid for the eastern pier?", "The Harbour Board"),
    (HARBOUR, "What share of the passengers survived the storm?", "the storm"),
    (HARBOUR, "Where was the wreck raised?", "July 1931"),
    (HARBOUR, "When was the wreck raised?", "off Tern Island"),
    (HARBOUR, "What did the inquiry conclude?", "Judge Martha Oldcastle"),
    (QUARRY, "How many people did the Quarry Commission employ?", "in the first winter"),
    (QUARRY, "How many people did the Quarry Commission employ?", "1875"),
    (QUARRY, "Who closed the Slate Quarry?", "July 9, 1903"),
    (QUARRY, "Who closed the Slate Quarry?", "flooding"),
    (QUARRY, "Why did the Slate Quarry close?", "July 9, 1903"),
    (QUARRY, "Why did the Slate Quarry close?", "Director Alan Whitcombe"),
    (QUARRY, "Which railway carried the slate?", "the coast"),
    (QUARRY, "Where did the Upland Railway carry the slate?", "the slate"),
    (QUARRY, "Which court dismissed the claim?", "the claim"),
    (QUARRY, "Which court dismissed the claim?", "the Upland Railway"),
    (QUARRY, "What did the High Court dismiss?", "the coast"),
    (QUARRY, "How long was the lower pit drained?", "The lower pit"),
    (QUARRY, "What caused the strike?", "Foreman Ruth Abney"),
    (QUARRY, "Who settled the strike?", "a rise of 4 shillings"),
    (QUARRY, "Did the High Court allow the claim of the Upland Railway?", "The Upland Railway"),
]  # fmt: skip
