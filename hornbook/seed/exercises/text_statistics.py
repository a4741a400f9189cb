"""Text and files / counting lines, words and characters"""

import re
from collections import Counter


def shouting_level(message: str) -> str:
    """A chat room warns people who shout. Look at the letters only: when at least 80 per cent of them are capitals,
    answer "shouting", from 50 per cent on "loud", otherwise "calm". Messages with fewer than four letters are always
    calm.

    >>> shouting_level("WHERE IS MY HAT!!")
    'shouting'
    >>> shouting_level("OK")
    'calm'
    """
    letters = [sign for sign in message if sign.isalpha()]
    capitals = sum(letter.isupper() for letter in letters)
    if len(letters) < 4:
        return "calm"
    # Whole numbers on both sides: no rounding can decide the border cases.
    if capitals * 100 >= 80 * len(letters):
        return "shouting"
    return "loud" if capitals * 2 >= len(letters) else "calm"


def test_shouting_level() -> None:
    assert shouting_level("AAAAa") == "shouting"
    assert shouting_level("AAAaa") == "loud"
    assert shouting_level("AAaa!!") == "loud"
    assert shouting_level("AAaaa") == "calm"
    assert shouting_level("ABC") == "calm"
    assert shouting_level("A B C D 12") == "shouting"
    assert shouting_level("") == "calm"


def words_per_sentence(text: str) -> list[int]:
    """An editor wants to see the rhythm of a text as the number of words in each sentence. A sentence ends with one or
    several of the signs . ! and ?, or with the text. Pieces without a word do not count.

    >>> words_per_sentence("It rained. We stayed inside, all day! Why not?")
    [2, 5, 2]
    >>> words_per_sentence("Well... perhaps")
    [1, 1]
    """
    pieces = re.split(r"[.!?]+", text)
    return [len(piece.split()) for piece in pieces if piece.strip()]


def test_words_per_sentence() -> None:
    assert words_per_sentence("One two three") == [3]
    assert words_per_sentence("Go! Go! Go now!") == [1, 1, 2]
    assert words_per_sentence("Really?! Yes.") == [1, 1]
    assert words_per_sentence(" . ! ") == []
    assert words_per_sentence("") == []


def echo_words(text: str, distance: int) -> list[str]:
    """Writers like to know which words they use again too soon. A word is an echo if the same word, in any capitals,
    stands at most `distance` words before it. List the echoes in small letters, each once, in the order in which they
    were first heard. Punctuation at the ends of words does not count, and words of fewer than four letters never echo.

    >>> echo_words("The river ran. Beside the river, trees; and more trees.", 5)
    ['river', 'trees']
    >>> echo_words("moon, stars and moon", 2)
    []
    """
    last_seen: dict[str, int] = {}
    echoes: list[str] = []
    for place, raw in enumerate(text.split()):
        word = raw.strip(".,;:!?").lower()
        if len(word) >= 4 and place - last_seen.get(word, -distance - 1) <= distance and word not in echoes:
            echoes.append(word)
        last_seen[word] = place
    return echoes


def test_echo_words() -> None:
    assert echo_words("Rain rain RAIN", 1) == ["rain"]
    assert echo_words("gold and silver and gold", 4) == ["gold"]
    assert echo_words("gold and silver and gold", 3) == []
    assert echo_words("blue! green blue green", 2) == ["blue", "green"]
    assert echo_words("cat cat cat", 5) == []
    assert echo_words("", 3) == []


def lonely_words(text: str) -> list[str]:
    """Scholars of old texts call a word that occurs a single time lonely. List the lonely words in the order of the
    text. Words are runs of letters; capitals do not matter, and the answer is in small letters.

    >>> lonely_words("No fox, no hound, no hunter")
    ['fox', 'hound', 'hunter']
    >>> lonely_words("so, so")
    []
    """
    words = re.findall(r"[a-z]+", text.lower())
    counts = Counter(words)
    return [word for word in words if counts[word] == 1]


def test_lonely_words() -> None:
    assert lonely_words("The end of the road") == ["end", "of", "road"]
    assert lonely_words("z y x y") == ["z", "x"]
    assert lonely_words("A a") == []
    assert lonely_words("42 + 1") == []
    assert lonely_words("don't stop, don't") == ["stop"]


def new_words_by_chapter(chapters: list[str]) -> list[int]:
    """A language course should bring in new words slowly. For each chapter count the distinct words that no earlier
    chapter had. Words are what blanks part, capitals do not matter.

    >>> new_words_by_chapter(["a cat", "a black cat", "A cat"])
    [2, 1, 0]
    >>> new_words_by_chapter([])
    []
    """
    known: set[str] = set()
    growth = []
    for chapter in chapters:
        fresh = set(chapter.lower().split()) - known
        growth.append(len(fresh))
        known |= fresh
    return growth


def test_new_words_by_chapter() -> None:
    assert new_words_by_chapter(["one one one", "two one two", "three"]) == [1, 1, 1]
    assert new_words_by_chapter(["", "hello", "HELLO world"]) == [0, 1, 1]
    assert new_words_by_chapter(["x y z"]) == [3]
    assert new_words_by_chapter(["a b", "c", "b c d", "a d"]) == [2, 1, 1, 0]


def longest_alliteration(line: str) -> list[str]:
    """In a tongue twister, neighbouring words begin with the same letter. Return the longest run of such words, the
    first of equally long ones, as they stand in the line. The words "a", "an", "and", "of" and "the" are passed over:
    they neither break a run nor belong to one. Capitals do not matter.

    >>> longest_alliteration("seven slippery snails and a Swedish swan met two toads")
    ['seven', 'slippery', 'snails', 'Swedish', 'swan']
    >>> longest_alliteration("the")
    []
    """
    best: list[str] = []
    run: list[str] = []
    for word in line.split():
        if word.lower() in ("a", "an", "and", "of", "the"):
            continue
        if run and run[-1][0].lower() == word[0].lower():
            run.append(word)
        else:
            run = [word]
        if len(run) > len(best):
            # A copy, because the run itself may still grow or be replaced.
            best = list(run)
    return best


def test_longest_alliteration() -> None:
    assert longest_alliteration("big bears bring red roses") == ["big", "bears", "bring"]
    assert longest_alliteration("red roses big bears") == ["red", "roses"]
    assert longest_alliteration("Peter of the pond") == ["Peter", "pond"]
    assert longest_alliteration("one two three four") == ["two", "three"]
    assert longest_alliteration("x") == ["x"]
    assert longest_alliteration("") == []


def in_context(text: str, word: str, reach: int) -> list[str]:
    """Dictionary makers collect every use of a word with its surroundings. For each place where the word stands, give
    up to `reach` words before and after it, with the word itself in square brackets. Capitals do not matter and the
    signs .,;:!? around a word do not either, but the text is shown as it is.

    >>> in_context("The bank was shut. We sat on the bank.", "bank", 1)
    ['The [bank] was', 'the [bank.]']
    >>> in_context("A bench", "bank", 2)
    []
    """
    words = text.split()
    uses = []
    for place, shown in enumerate(words):
        if shown.strip(".,;:!?").lower() == word.lower():
            before = words[max(0, place - reach) : place]
            after = words[place + 1 : place + 1 + reach]
            uses.append(" ".join([*before, f"[{shown}]", *after]))
    return uses


def test_in_context() -> None:
    assert in_context("one two three two one", "two", 2) == ["one [two] three two", "two three [two] one"]
    assert in_context("Dawn, dawn; DAWN!", "Dawn", 0) == ["[Dawn,]", "[dawn;]", "[DAWN!]"]
    assert in_context("a b c d e f g", "d", 2) == ["b c [d] e f"]
    assert in_context("a b c", "a", 9) == ["[a] b c"]
    assert in_context("", "a", 1) == []


def share_of_speech(story: str) -> dict[str, int]:
    """In a play script each line is "NAME: words" or, without a colon, goes on with the speech of the last name. Count
    how many per cent of all words each person says, rounded down, in the order of first appearance. Words before the
    first name belong to nobody and do not count at all.

    >>> share_of_speech("ANN: Who is there?\\nBO: Me.")
    {'ANN': 75, 'BO': 25}
    >>> share_of_speech("Curtain rises")
    {}
    """
    counts: Counter[str] = Counter()
    speaker = ""
    for line in story.splitlines():
        name, colon, words = line.partition(":")
        if colon:
            speaker = name.strip()
        else:
            words = line
        if speaker:
            counts[speaker] += len(words.split())
    total = sum(counts.values())
    return {name: 100 * count // total if total else 0 for name, count in counts.items()}


def test_share_of_speech() -> None:
    assert share_of_speech("A: one two\nthree\nB: four") == {"A": 75, "B": 25}
    assert share_of_speech("It is night.\nA: Hm\nB: Hm\nC: Hm") == {"A": 33, "B": 33, "C": 33}
    assert share_of_speech("A: at 9: go\nA: yes") == {"A": 100}
    assert share_of_speech("A:\nB: word") == {"A": 0, "B": 100}
    assert share_of_speech("A:") == {"A": 0}
    assert share_of_speech("") == {}


def who_wrote_it(samples: dict[str, str], note: str, marks: list[str]) -> str:
    """Detectives compare how often writers use small words. For each text, the rate of a mark word is its count per
    1000 words, rounded down (0 for an empty text). Sum up the differences between the rates of the note and of a
    sample, over all mark words, and name the writer with the smallest sum; the first name in the alphabet wins a tie.
    Words are what blanks part, in any capitals.

    >>> samples = {"Ivy": "the cat and the dog and the hen", "Max": "but a cat but a dog"}
    >>> who_wrote_it(samples, "and the pig", ["and", "but"])
    'Ivy'
    >>> who_wrote_it(samples, "BUT a pig", ["and", "but"])
    'Max'
    """

    def rates(text: str) -> list[int]:
        words = text.lower().split()
        return [1000 * words.count(mark) // max(1, len(words)) for mark in marks]

    def distance(writer: str) -> int:
        return sum(abs(ours - theirs) for ours, theirs in zip(wanted, rates(samples[writer]), strict=True))

    wanted = rates(note)
    return min(sorted(samples), key=distance)


def test_who_wrote_it() -> None:
    samples = {"B": "x y", "A": "x x", "C": "y y y x"}
    assert who_wrote_it(samples, "x", ["x"]) == "A"
    assert who_wrote_it(samples, "x y z", ["x", "y"]) == "B"
    assert who_wrote_it(samples, "Y Y Y", ["y"]) == "C"
    assert who_wrote_it(samples, "x y x y y", []) == "A"
    assert who_wrote_it({"Z": "", "Y": "q"}, "", ["q"]) == "Z"
    assert who_wrote_it({"Z": "q w", "Y": "q w w"}, "q q w", ["q", "w"]) == "Z"
