"""HTML and Markdown blocks, figures and the page. All escaping happens here."""
