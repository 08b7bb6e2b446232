"""What people say while another speaks, by language: "I am listening", "let me speak", "hello".

Normalised as `words.normalise` does: lower case, no hyphens, no apostrophes, single spaces.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interjections:
    backchannels: frozenset[str]  # said to a speaker who may go on
    demands: frozenset[str]  # said by one who wants the floor, as a whole or at the beginning
    greetings: frozenset[str]  # said back to a greeting, and no objection to the rest of it


def _set(text: str) -> frozenset[str]:
    return frozenset(" ".join(phrase.split()) for phrase in text.split(","))


# Sounds of every language, as transcribers of them write them.
HUMS = _set(
    """ah, aha, ahh, ah ha, eh, er, erm, ha, hm, hmm, hmmm, m, mhm, mm, mm hm, mm hmm, mm mm, mmm, mmhm, mmhmm, mhmm,
    hm hm, hmm hmm, m hm, oh, ooh, uh, uh huh, uhhuh, uhm, um, umm, um hm, um hum, uh hum, wow, ok, okay, okey, okay
    dokey"""
)

_ENGLISH = Interjections(
    backchannels=HUMS
    | _set(
        """alright, all right, ay, cool, exactly, fine, gotcha, got it, great, huh, i see, nice, of course, oh okay, oh
        right, right, sure, true, uh uh, ya, yah, yeah, yep, yes, yup, oh really, really, makes sense, good, lovely,
        perfect, i know, absolutely, definitely, interesting, indeed, oh nice, oh wow, oh i see, very good"""
    ),
    demands=_set(
        """wait, stop, hold on, hang on, no, nope, excuse me, sorry, pardon, pardon me, what, what was that, hey,
        listen, actually, but, hold up, just a moment, one moment, one second, just a second, enough, shut up, be
        quiet, quiet, cancel, help, repeat, repeat that, say that again, again, come again, never mind, not that, let
        me, can i, i want, i need, question, i have a question, slow down, slower, louder, go back, start over, agent,
        operator, whoa"""
    ),
    greetings=_set(
        "hello, hi, hey, hiya, good morning, good afternoon, good evening, hello there, hi there, yes hello"
    ),
)
_GERMAN = Interjections(
    backchannels=HUMS
    | _set(
        """ja, jap, jo, joa, jawohl, genau, stimmt, richtig, klar, alles klar, gut, sehr gut, schön, prima, super,
        toll, ach, ach so, achso, aha ja, verstehe, ich verstehe, verstanden, na gut, in ordnung, natürlich, sicher,
        eben, echt, wirklich, ach ja, oh ja, gerne, passt, freilich"""
    ),
    demands=_set(
        """warte, warten sie, moment, moment mal, einen moment, stopp, stop, halt, nein, nee, ne, entschuldigung,
        verzeihung, entschuldigen sie, wie bitte, was, bitte, hallo, aber, eigentlich, genug, ruhe, sei still,
        abbrechen, hilfe, nochmal, noch mal, wiederholen, langsamer, lauter, zurück, frage, ich habe eine frage, ich
        will, ich möchte, lassen sie mich, darf ich, doch"""
    ),
    greetings=_set("hallo, hi, hey, guten morgen, guten tag, guten abend, grüß gott, servus, moin, tag, ja hallo"),
)
_SPANISH = Interjections(
    backchannels=HUMS
    | _set(
        """sí, si, ajá, aja, ya, ya veo, claro, claro que sí, vale, bien, muy bien, bueno, exacto, exactamente, cierto,
        correcto, entiendo, entendido, de acuerdo, perfecto, por supuesto, así es, genial, qué bien, mira, anda, ah
        sí"""
    ),
    demands=_set(
        """espera, espere, un momento, un segundo, para, pare, alto, basta, no, perdón, perdona, perdone, disculpa,
        disculpe, qué, cómo, oye, oiga, pero, en realidad, escucha, escuche, cállate, cancela, cancelar, ayuda, otra
        vez, repite, repita, más despacio, más alto, atrás, pregunta, tengo una pregunta, quiero, necesito, déjame,
        puedo"""
    ),
    greetings=_set("hola, buenas, buenos días, buenas tardes, buenas noches, dígame, diga, sí hola"),
)
_FRENCH = Interjections(
    backchannels=HUMS
    | _set(
        """oui, ouais, mouais, daccord, dac, bien, très bien, bien sûr, exact, exactement, voilà, tout à fait, je vois,
        je comprends, compris, entendu, parfait, super, bon, cest ça, cest vrai, ah bon, ah oui, ah daccord,
        effectivement, en effet, hein, ben oui, certes"""
    ),
    demands=_set(
        """attends, attendez, un instant, un moment, une seconde, stop, arrête, arrêtez, non, pardon, excusez moi,
        excuse moi, désolé, quoi, comment, mais, en fait, écoute, écoutez, assez, ça suffit, tais toi, taisez vous,
        annule, annulez, annuler, aide, à laide, encore, répète, répétez, plus lentement, plus fort, retour, question,
        jai une question, je veux, je voudrais, laissez moi, est ce que"""
    ),
    greetings=_set("bonjour, salut, bonsoir, allô, allo, coucou, oui bonjour, oui allô"),
)
_ITALIAN = Interjections(
    backchannels=HUMS
    | _set(
        """sì, si, già, certo, certamente, va bene, bene, molto bene, esatto, esattamente, giusto, capito, ho capito,
        capisco, daccordo, perfetto, ovviamente, infatti, ecco, appunto, bello, ottimo, ah sì, davvero, vero"""
    ),
    demands=_set(
        """aspetta, aspetti, un attimo, un momento, un secondo, ferma, fermati, si fermi, stop, basta, no, scusa,
        scusi, mi scusi, che, che cosa, cosa, come, ma, però, veramente, in realtà, ascolta, ascolti, zitto, silenzio,
        annulla, annullare, aiuto, ancora, ripeti, ripeta, più piano, più forte, indietro, domanda, ho una domanda,
        voglio, vorrei, mi lasci, posso"""
    ),
    greetings=_set("ciao, salve, pronto, buongiorno, buon giorno, buonasera, buona sera, sì pronto"),
)
_PORTUGUESE = Interjections(
    backchannels=HUMS
    | _set(
        """sim, é, tá, tá bom, está bem, está bom, certo, certinho, claro, claro que sim, bom, muito bem, exato,
        exatamente, isso, isso mesmo, entendi, entendo, percebo, pois, pois é, perfeito, beleza, legal, com certeza,
        verdade, aham, uhum, ah sim, ótimo, ok sim"""
    ),
    demands=_set(
        """espera, espere, um momento, um segundo, para, pare, pára, chega, basta, não, desculpa, desculpe, perdão, com
        licença, o quê, o que, quê, como, mas, na verdade, escuta, escute, ouça, cala a boca, silêncio, cancela,
        cancelar, ajuda, socorro, de novo, outra vez, repete, repita, mais devagar, mais alto, volta, pergunta, tenho
        uma pergunta, quero, preciso, deixa eu, posso"""
    ),
    greetings=_set("olá, oi, alô, bom dia, boa tarde, boa noite, estou, sim alô, sim olá"),
)

_BY_LANGUAGE: Mapping[str, Interjections] = {
    "en": _ENGLISH,
    "de": _GERMAN,
    "es": _SPANISH,
    "fr": _FRENCH,
    "it": _ITALIAN,
    "pt": _PORTUGUESE,
}
_HUMMED = Interjections(backchannels=HUMS, demands=frozenset(), greetings=frozenset())

# What small recognisers, trained on subtitles, write of a noise. Alone it is no word of anyone's.
INVENTED = _set(
    """you, the, a, i, and, so, it, for, of, in, to, thank you, thank you very much, thanks for watching, bye, bye bye,
    the end, i dont know, peace, music, applause, laughter, silence, blank audio, subtitles by the amara org
    community"""
)


def interjections(language: str) -> Interjections:
    """Those of a language by its code, "de" or "de-AT"; the sounds that all have in common where there is no table."""
    return _BY_LANGUAGE.get(language.lower().replace("_", "-").partition("-")[0], _HUMMED)
