"""Classes of words, so that what one author says of a nurse is also learned for a carer.

Words that belong to no class and carry no grammar become "*": only the shape of a sentence is left.
"""

from __future__ import annotations

_WORDS_OF_CLASS = {
    "#kin": """
        son sons daughter daughters husband wife partner brother brothers sister sisters nephew
        niece grandson grandsons granddaughter granddaughters grandchildren mother father mum mam
        mom dad da daddy mama uncle aunt cousin family kids children lad lass
    """,
    "#staff": """
        carer carers caregiver helper aide aides nurse nurses staff matron manager doctor cleaner
        girl girls lodger neighbour neighbours neighbor landlord resident worker attendant orderly
        sister gentleman lady man woman fella bloke one
    """,
    "#medicine": """
        pill pills tablet tablets medication medicine medicines capsule capsules sleepers painkiller
        painkillers paracetamol aspirin aspirins morphine insulin warfarin patch patches codeine
        diazepam drops injection injections inhaler dose doses bottle packet packets box pen
    """,
    "#blow": """
        hit hits hitting slap slaps slapped slapping punch punches punched kick kicks kicked pinch
        pinches pinched pinching beat beats beating burn burns burned burnt push pushes pushed
        pushing pull pulls pulled pulling shove shoves shoved drag drags dragged dragging grab grabs
        grabbed grip grips gripped shake shakes shook shaking twist twists twisted hurt hurts
        hurting scratch scratched smack smacks smacked poke pokes jab jabs bang bangs banged squeeze
        squeezes squeezed threw throws throwing
    """,
    "#fasten": """
        lock locks locked locking tie ties tied tying strap straps strapped bolt bolts bolted shut
        shuts belt belted tucked wedged chain chained
    """,
    "#money": """
        money pension savings cash card cards cheque cheques purse wallet handbag jewellery ring
        rings account accounts book pin benefits house flat land property deeds will bank insurance
        pounds dollars quid euros thousand hundred
    """,
    "#now": """
        today tonight now yesterday lately this morning afternoon evening oclock minute minutes hour
        hours since monday tuesday wednesday thursday friday saturday sunday week again tomorrow
    """,
    "#then": "then once ago used years days childhood school war boy",
    "#number": """
        two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty fifty
        sixty seventy eighty ninety
    """,
    "#body": """
        arm arms hand hands leg legs chest head face mouth eye eyes throat tongue neck wrist wrists
        foot feet side back stomach lips lip heart skin hip ribs jaw belly fingers breath
    """,
    "#place": """
        room bed chair door window bathroom floor kitchen hall corridor bedroom cupboard drawer
        garage shed lino carpet stairs bath toilet commode
    """,
    "#end": """
        die dies died dying dead death kill kills killed killing end ends ended ending gone finish
        finished over rope river bridge gun knife razor train
    """,
}
_GRAMMAR = """
i me my myself he she they him her them it you we us im ive ill id not no never dont cant wont didnt
doesnt isnt wasnt nobody nothing was were is am are been being be had has have do did does would could
should may might must to of in on at for with from by and but or if when so as that the there what who
how all every anymore still until till just only go going come comes came keep keeps get gets got give
gives gave take takes took put puts make makes say says said tell tells told know want let last next
first after before out up down off away
"""
_CLASS_OF = {word: name for name, words in _WORDS_OF_CLASS.items() for word in words.split()}
_CLASS_OF |= {word: word for word in _GRAMMAR.split()}


def class_of(word: str) -> str:
    """The class of a word in lower case, the word itself where it is grammar, "*" or its ending elsewhere."""
    known = _CLASS_OF.get(word)
    if known:
        return known
    if word.isdigit():
        return "#year" if len(word) == 4 else "#number"
    if word.endswith("ing"):
        return "*ing"
    return "*ed" if word.endswith("ed") else "*"
