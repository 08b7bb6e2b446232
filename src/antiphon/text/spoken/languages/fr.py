"""French, as it is spoken in France."""

from __future__ import annotations

from antiphon.text.spoken.language import Language, Noun, currencies, fractions, lines, nouns, numbered, words
from antiphon.text.spoken.languages import common

MONTHS = "janvier février mars avril mai juin juillet août septembre octobre novembre décembre"
MONTH_ABBREVIATIONS = "janv févr - avr - - juil - sept oct nov déc"
WEEKDAYS = lines("""
    lun: lundi; mar: mardi; mer: mercredi; jeu: jeudi; ven: vendredi; sam: samedi; dim: dimanche
""")

CURRENCIES = currencies("""
    € EUR euros euro: euro/euros, centime/centimes; $ dollars: dollar/dollars, cent/cents
    £ GBP: livre/livres f, penny/pence; US$ USD: dollar américain/dollars américains, cent/cents; ¥ JPY: yen/yens
    ₹ INR: roupie/roupies f; CHF: franc suisse/francs suisses, centime/centimes
    $CA CAD: dollar canadien/dollars canadiens, cent/cents
""")

UNITS = nouns("""
    km: kilomètre/kilomètres; m: mètre/mètres; cm: centimètre/centimètres; mm: millimètre/millimètres
    km/h: kilomètre heure/kilomètres heure; m/s: mètre par seconde/mètres par seconde; kg: kilogramme/kilogrammes
    g: gramme/grammes; mg: milligramme/milligrammes; t: tonne/tonnes f; l L: litre/litres
    ml mL: millilitre/millilitres; cl: centilitre/centilitres; dl: décilitre/décilitres
    °C ℃: degré Celsius/degrés Celsius; °F: degré Fahrenheit/degrés Fahrenheit; °: degré/degrés
    min mn: minute/minutes f; s sec: seconde/secondes f; ms: milliseconde/millisecondes f; o: octet/octets
    Ko ko: kilooctet/kilooctets; Mo: mégaoctet/mégaoctets; Go: gigaoctet/gigaoctets; To: téraoctet/téraoctets
    GB: gigabyte/gigabytes; MB: mégabyte/mégabytes; Mbit/s Mbps: mégabit par seconde/mégabits par seconde
    Gbit/s: gigabit par seconde/gigabits par seconde; Hz: hertz; kHz: kilohertz; MHz: mégahertz; GHz: gigahertz
    W: watt/watts; kW: kilowatt/kilowatts; MW: mégawatt/mégawatts; kWh: kilowattheure/kilowattheures; V: volt/volts
    mA: milliampère/milliampères; mAh: milliampère-heure/milliampères-heures; kcal: kilocalorie/kilocalories f
    dB: décibel/décibels; px: pixel/pixels; m² m2: mètre carré/mètres carrés
    km² km2: kilomètre carré/kilomètres carrés; m³ m3: mètre cube/mètres cubes; ha: hectare/hectares
    ch: cheval/chevaux
""")

SYMBOLS = lines("""
    &: et; @: arobase; %: pour cent; +: plus; =: égale; ≠: différent de; ≈: environ; ±: plus ou moins; ×: fois
    ÷: divisé par; *: fois; /: divisé par; -: moins; <: inférieur à; >: supérieur à; ≤: au plus; ≥: au moins; →: à
    ⇒: donc; °: degrés; $: dollars; €: euros; £: livres; §: paragraphe; ²: au carré; ³: au cube; √: racine de; π: pi
    ∞: infini; µ: micro
""")

ABBREVIATIONS = lines("""
    Dr.: docteur; Mme: Madame; Mmes: Mesdames; Mlle: Mademoiselle; Mlles: Mesdemoiselles; MM.: Messieurs
    Mgr: Monseigneur; Pr: professeur; Prof.: professeur; prof.: professeur; p. ex.: par exemple; p.ex.: par exemple
    etc.: et cetera; c.-à-d.: c'est-à-dire; C.-à-d.: c'est-à-dire; env.: environ; av. J.-C.: avant Jésus-Christ
    apr. J.-C.: après Jésus-Christ; boul.: boulevard; pl.: place; tél.: téléphone; Tél.: téléphone; max.: maximum
    min.: minimum; RDV: rendez-vous; rdv: rendez-vous; svp: s'il vous plaît; SVP: s'il vous plaît; stp: s'il te plaît
    vs: contre; vs.: contre; St.: Saint; Ste: Sainte; chap.: chapitre; fig.: figure; vol.: volume; éd.: édition
    réf.: référence; cf.: confer; hab.: habitants; lun.: lundi; mar.: mardi; mer.: mercredi; jeu.: jeudi
    ven.: vendredi; sam.: samedi; dim.: dimanche; janv.: janvier; févr.: février; juil.: juillet; sept.: septembre
    oct.: octobre; nov.: novembre; déc.: décembre; qqch.: quelque chose; qqn: quelqu'un; n°: numéro
""")

CONTEXTUAL = (
    (r"M\.(?=\s(?:et\s(?:Mme|Mlle)|[A-ZÀ-Þ]))", "Monsieur"),
    (r"Me(?=\s[A-ZÀ-Þ][a-zà-ÿ])", "Maître"),
    (r"Dr(?=\s[A-ZÀ-Þ])", "docteur"),
    (r"St(?=\s[A-ZÀ-Þ])", "Saint"),
    (r"[Aa]v\.(?=\s(?!J\.)[A-ZÀ-Þd])", "avenue"),
    (r"[Bb]d\.?(?=\s[A-ZÀ-Þd])", "boulevard"),
    (r"pp\.(?=\s?\d)", "pages"),
    (r"p\.(?=\s?\d)", "page"),
    (r"art\.(?=\s?\d)", "article"),
    (r"[nN][°º]\s?(?=\d)", "numéro "),
    (r"24/7", "vingt-quatre sept"),
    (r"24h/24", "vingt-quatre heures sur vingt-quatre"),
    (r"7j/7", "sept jours sur sept"),
    (r"et/ou", "et ou"),
)

SPELLED = """
    ADN AFP BCE BNP CE CHU CIO CPE CSE EDF EPHAD ERP FMI GPS HEC HLM IRM IUT IVG JO OGM OMS OM ONG OPA PDG PIB PME PMI
    PMU PSG QI RATP RER RSA RTT SA SAV SDF SNCF TER TGV TVA UE UFR UMP USA UV VAE VTC
"""
PRONOUNCED = "OK OU ET SI LE LA LES UN DE DU AU JE TU IL ON NE ME TE SE CE SA MA TA EN AH OH EH HA HM PSST MME DR ST"
KINGS = """
    Alexandre Benoît Charles Clément Édouard Ferdinand François Frédéric Georges Grégoire Guillaume Gustave Henri
    Innocent Jacques Jean Léon Léopold Louis Napoléon Nicolas Paul Philippe Pie Pierre Richard Urbain Baudouin Albert
"""
PHONE = r"""
      \+\d{1,3}(?:[\s.-]?\(?\d{1,3}\)?){3,7}(?!\d) | 0\d(?:[\s.-]\d{2}){4}(?!\d) | 0[89]\d\d(?:[\s.-]\d{3}){2}(?!\d)
"""

FRENCH = Language(
    numbers="fr",
    group=" \u00a0\u202f.",
    point="virgule",
    dot="point",
    decimals_as_number=2,
    plural_from=2.0,
    feminine=((r"\bun$", "une"),),
    feminine_nouns="heures?|minutes?|secondes?|semaines?|années?|personnes?|fois|pages?|places?|chambres?|tables?|femmes?"
    "|filles?|sœurs?|pommes?|maisons?|voitures?|questions?|réponses?|tasses?|bouteilles?|portions?|étapes?|options?"
    "|nuits?|journées?|lignes?|villes?|rues?|livres sterling|tonnes?|cuillères?|cuillerées?|pièces?|photos?|parts?"
    "|demandes?|commandes?|erreurs?|minutes?|stations?|cartes?|lettres?|saisons?|chansons?|choses?|équipes?",
    no_nouns=words("à et ou de du en est par sur au aux pour avec que mais ni contre"),
    magnitudes=lines("""
        mille: mille; million: million/millions; millions: million/millions; milliard: milliard/milliards
        milliards: milliard/milliards; M: million/millions; Md: milliard/milliards; Mds: milliard/milliards; k: mille
        K: mille
    """),
    of_magnitude="de",
    elided="d'",
    fractions=fractions("""
        2: demi/demis; 3: tiers; 4: quart/quarts; 5: cinquième/cinquièmes; 6: sixième/sixièmes; 8: huitième/huitièmes
        10: dixième/dixièmes; 100: centième/centièmes
    """),
    one_in_fractions="un",
    half=("un demi", "une demi"),
    and_a_half=("et demi", "et demie"),
    ordinals=(
        (r"ère|re", ((r"premier$", "première"),)),
        (r"nde?", ((r"deuxième$", "second"),)),
        (r"er|ème|eme|e|ᵉ", ()),
    ),
    months=tuple(MONTHS.split()),
    month_abbreviations=numbered(MONTH_ABBREVIATIONS) | {"jan": 1, "fév": 2},
    weekdays=WEEKDAYS,
    date="{day} {month}",
    date_with_year="{day} {month} {year}",
    first_day="premier",
    date_words=words("le du au"),
    time="{h} {hours} {m}",
    full_hour="{h} {hours}",
    hour=Noun("heure", "heures", True),
    hour_words="heures|heure|h",
    hour_marks=r":|\s?h\s?",
    duration=(Noun("heure", "heures", True), Noun("minute", "minutes", True), Noun("seconde", "secondes", True)),
    currencies=CURRENCIES,
    money="{main} {count}",
    units=UNITS,
    per="par",
    per_words=words("heure jour semaine mois an personne nuit minute seconde unité"),
    symbols=SYMBOLS,
    range_word="à",
    ratio_word="à",
    by="sur",
    number_sign="numéro",
    about="environ",
    percent="pour cent",
    power="puissance",
    address_marks={
        "@": "arobase",
        ".": "point",
        "/": "slash",
        "-": "tiret",
        "_": "tiret bas",
        ":": "deux points",
        "?": "point d'interrogation",
        "=": "égale",
        "&": "et",
        "#": "dièse",
        "+": "plus",
        "%": "pour cent",
        "~": "tilde",
    },
    hashtag="hashtag",
    phone=PHONE,
    phone_in_pairs=True,
    short_numbers=frozenset(),
    digit_words=words("code pin carte compte vol mot finit termine terminant confirmation"),
    abbreviations=ABBREVIATIONS,
    contextual=CONTEXTUAL,
    openers=words("M Me Dr St Av av Bd bd p n et Ier Ire"),
    spelled=words(common.SPELLED + SPELLED),
    pronounced=words(PRONOUNCED),
    rulers=words(KINGS),
    queens=words("Élisabeth Elizabeth Catherine Marie Marguerite Christine"),
    rulers_ordinal_to=1,
    counted=words("chapitre tome partie volume livre titre acte scène section phase type annexe article guerre"),
    centuries=words("siècle siècles"),
    century_ordinal=True,
    and_="et",
    code="un extrait de code",
)
