"""The texts of the reference vectors: ordinary prompts and what tokenizers trip over."""

_LONG = (
    "We run a small online shop with about four thousand products, and every night a job copies "
    "the stock levels from the warehouse system into the shop's database. Since last Tuesday the "
    "job has been failing on some nights but not on others. The log says that the connection was "
    "closed by the server after thirty seconds, although the timeout in our configuration file is "
    "set to five minutes. We have already tried restarting both servers, raising the timeout, and "
    "splitting the export into batches of five hundred rows, but nothing has made a lasting "
    "difference. The warehouse system was upgraded from version 4.2 to version 5.0 two weeks ago, "
    "and its vendor says that nothing about connections was changed. Memory and disk usage look "
    "normal on both sides, and other programs that use the same database do not have this "
    "problem. Please explain, step by step, how you would find out which side closes the "
    "connection, what you would measure first, and how the job could be changed so that a broken "
    "connection no longer leaves the stock levels half updated. Keep the answer below 400 words."
)

TEXTS = [
    # Ordinary questions and instructions.
    "What is the capital of France?",
    "What's the capital city of France?",
    "How do I reset my password?",
    "I forgot my password, how do I reset it?",
    "turn on dark mode",
    "turn off dark mode",
    "hello",
    "Summarise the meeting transcript in 5 bullet points, please.",
    "Explain photosynthesis to a ten-year-old without using the word 'chlorophyll'.",
    "Write a polite e-mail to my landlord about the broken heating; keep it under 120 words.",
    "Is it safe to take ibuprofen and paracetamol on the same day?",
    "What's the difference between TCP and UDP, and when should I choose one over the other?",
    # Numbers, dates, units and formulas.
    "What is 15% of 240?",
    "Convert 72 \u00b0F to Celsius and 3.5 miles to km",
    "1234567890 0042 3,141.59 -17 2026-02-29 23:59:60",
    "Solve x^2 - 5x + 6 = 0 for x, then compute \u222b\u2080\u00b9 x\u00b2 dx \u2248 \u2153",
    "How much is \u20ac1,299.00 in US$ at 1.0845?",
    # Code, markup, paths and addresses.
    "def f(x):\n    return [i ** 2 for i in range(x) if i % 2 == 0]",
    "SELECT u.id, COUNT(*) FROM users AS u LEFT JOIN orders o ON o.user_id = u.id GROUP BY 1;",
    "Why does `let s: &'static str = &String::new();` not compile in Rust?",
    '{"error": {"code": 429, "message": "rate_limit_exceeded", "retry_after": null}}',
    "<div class=\"card\"><a href='#top'>&laquo; back</a></div>",
    "kubectl get pods -n kube-system -o jsonpath='{.items[*].metadata.name}' | tr ' ' '\\n'",
    "https://www.example.com/a/b.html?q=caf%C3%A9&lang=en#section-2 returns 404",
    "Send the invoice to jane.doe+billing@example.org and cc C:\\Users\\jane\\notes.txt",
    # Letters beyond ASCII.
    "Wo finde ich die n\u00e4chste B\u00e4ckerei, und was kostet ein Br\u00f6tchen? Gr\u00fc\u00dfe!",
    "\u00bfCu\u00e1l es la contrase\u00f1a del ni\u00f1o? Ma\u00f1ana ser\u00e1 otro d\u00eda.",
    "D\u00e9j\u00e0 vu: na\u00efve fa\u00e7ade, cr\u00e8me br\u00fbl\u00e9e, \u0152uvre, \u0141\u00f3d\u017a, \u0130stanbul, \u01c6",
    "Cafe\u0301 and re\u0301sume\u0301 with combining accents; A\u030angstro\u0308m",
    "\u041a\u0430\u043a \u0441\u0431\u0440\u043e\u0441\u0438\u0442\u044c \u043f\u0430\u0440\u043e\u043b\u044c? \u0401\u043b\u043a\u0430 \u0438 \u0439\u043e\u0433\u0430",
    "\u03a0\u03bf\u03b9\u03b1 \u03b5\u03af\u03bd\u03b1\u03b9 \u03b7 \u03c0\u03c1\u03c9\u03c4\u03b5\u03cd\u03bf\u03c5\u03c3\u03b1 \u03c4\u03b7\u03c2 \u0393\u03b1\u03bb\u03bb\u03af\u03b1\u03c2; \u039f\u0394\u039f\u03a3",
    "\u6cd5\u56fd\u7684\u9996\u90fd\u662f\u54ea\u91cc\uff1f\u8bf7\u7528\u4e2d\u6587\u56de\u7b54\u3002",
    "\u30d1\u30b9\u30ef\u30fc\u30c9\u3092\u30ea\u30bb\u30c3\u30c8\u3059\u308b\u65b9\u6cd5\u306f\uff1f \uff76\uff85 \uff21\uff22\uff23\uff11\uff12\uff13",
    "\ube44\ubc00\ubc88\ud638\ub97c \uc7ac\uc124\uc815\ud558\ub824\uba74 \uc5b4\ub5bb\uac8c \ud574\uc57c \ud558\ub098\uc694?",
    "\u0645\u0627 \u0647\u064a \u0639\u0627\u0635\u0645\u0629 \u0641\u0631\u0646\u0633\u0627\u061f \u0645\u064e\u0631\u0652\u062d\u064e\u0628\u064b\u0627 \u0661\u0662\u0663",
    "\u05de\u05d4\u05d9 \u05d1\u05d9\u05e8\u05ea \u05e6\u05e8\u05e4\u05ea? \u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd",
    "\u092b\u093c\u094d\u0930\u093e\u0902\u0938 \u0915\u0940 \u0930\u093e\u091c\u0927\u093e\u0928\u0940 \u0915\u094d\u092f\u093e \u0939\u0948?",
    # Emoji, invisible and control characters, odd spaces.
    "\U0001f600 that works \U0001f44d\U0001f3fd thanks \u2764\ufe0f \U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\U0001f600\U0001f525",
    "zero\u200bwidth\u200cspace\u200d and\u2060 soft\u00adhyphen \ufeffmark",
    "tab\there\r\nnew\x0bline\x00null\x07bell\x1b[31mred\x7f\ufffd end",
    "non\u00a0breaking\u2003em\u3000ideographic\u2028line\u202e right-to-left",
    "\u201cCurly quotes\u201d \u2014 an em dash \u2026 an ellipsis \u2022 a bullet \u2122",
    # Shapes: capitals, long words, repeats, pieces that look special, a long prompt.
    "WHY IS MY ORDER NOT HERE YET??? ANSWER ME NOW!!!",
    "pneumonoultramicroscopicsilicovolcanoconiosis and antidisestablishmentarianism",
    "known words around " + "a1b2c3d4e5" * 12 + " one word of 120 characters",
    "x" * 100 + " " + "y" * 101,
    "[CLS] the [MASK] sat on the mat [SEP] [UNK] ##ing [PAD]",
    "the the the the",
    _LONG,
]
