"""What notebooks, prompts and figures show: never all of the data, and nothing is loaded for it.

`html`       the pieces that pages are made of
`thumbnail`  items as small pictures within a page
`preview`    a component in one line, or with a few of its items
`batch`, `dataset`, `index`, `kernel`
             what each of them shows
`summary`    what the data of a dataset is like
`drawing`    figures of matplotlib
"""
