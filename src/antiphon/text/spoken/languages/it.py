"""Italian."""

from __future__ import annotations

from antiphon.text.spoken.language import Language, Noun, currencies, fractions, lines, nouns, numbered, words
from antiphon.text.spoken.languages import common

MONTHS = "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre"
MONTH_ABBREVIATIONS = "gen feb mar apr mag giu lug ago set ott nov dic"
WEEKDAYS = lines("""
    lun: lunedì; mar: martedì; mer: mercoledì; gio: giovedì; ven: venerdì; sab: sabato; dom: domenica
""")

CURRENCIES = currencies("""
    € EUR euro: euro, centesimo/centesimi; $ dollari: dollaro/dollari, centesimo/centesimi
    US$ USD: dollaro americano/dollari americani, centesimo/centesimi; £ GBP: sterlina/sterline f, penny; ¥ JPY: yen
    CHF: franco svizzero/franchi svizzeri, centesimo/centesimi; ₹ INR: rupia/rupie f
""")

UNITS = nouns("""
    km: chilometro/chilometri; m mt: metro/metri; cm: centimetro/centimetri; mm: millimetro/millimetri
    km/h: chilometro orario/chilometri orari; m/s: metro al secondo/metri al secondo; kg: chilogrammo/chilogrammi
    g gr: grammo/grammi; hg: ettogrammo/ettogrammi; mg: milligrammo/milligrammi; t: tonnellata/tonnellate f
    l L lt: litro/litri; ml: millilitro/millilitri; cl: centilitro/centilitri; °C ℃: grado Celsius/gradi Celsius
    °F: grado Fahrenheit/gradi Fahrenheit; °: grado/gradi; h: ora/ore f; min: minuto/minuti; s sec: secondo/secondi
    ms: millisecondo/millisecondi; KB kB: kilobyte; MB: megabyte; GB: gigabyte; TB: terabyte
    Mbps Mbit/s: megabit al secondo; Gbps: gigabit al secondo; Hz: hertz; kHz: chilohertz; MHz: megahertz
    GHz: gigahertz; W: watt; kW: chilowatt; MW: megawatt; kWh: chilowattora; V: volt; mA: milliampere
    mAh: milliamperora; kcal: chilocaloria/chilocalorie f; cal: caloria/calorie f; dB: decibel; px: pixel
    m² m2 mq: metro quadrato/metri quadrati; km² km2: chilometro quadrato/chilometri quadrati
    m³ m3 mc: metro cubo/metri cubi; CV: cavallo/cavalli
""")

SYMBOLS = lines("""
    &: e; @: chiocciola; %: per cento; +: più; =: uguale a; ≠: diverso da; ≈: circa; ±: più o meno; ×: per; ÷: diviso
    *: per; /: diviso; -: meno; <: minore di; >: maggiore di; ≤: al massimo; ≥: almeno; →: a; ⇒: quindi; °: gradi
    $: dollari; €: euro; £: sterline; §: paragrafo; ²: al quadrato; ³: al cubo; √: radice di; π: pi greco; ∞: infinito
    µ: micro
""")

ABBREVIATIONS = lines("""
    dott.: dottor; Dott.: dottor; dott.ssa: dottoressa; Dott.ssa: dottoressa; dr.: dottor; Dr.: dottor; sig.: signor
    Sig.: signor; sig.ra: signora; Sig.ra: signora; sig.na: signorina; sigg.: signori; prof.: professor
    Prof.: professor; prof.ssa: professoressa; Prof.ssa: professoressa; ing.: ingegner; Ing.: ingegner; avv.: avvocato
    Avv.: avvocato; arch.: architetto; geom.: geometra; rag.: ragioniere; on.: onorevole; p. es.: per esempio
    p.es.: per esempio; ad es.: ad esempio; es.: esempio; ecc.: eccetera; etc.: eccetera; v.le: viale; V.le: viale
    p.za: piazza; P.za: piazza; P.zza: piazza; C.so: corso; c.so: corso; pag.: pagina; pagg.: pagine; ca.: circa
    max.: massimo; min.: minimo; tel.: telefono; Tel.: telefono; cell.: cellulare; a.C.: avanti Cristo
    a. C.: avanti Cristo; d.C.: dopo Cristo; d. C.: dopo Cristo; vs.: contro; vs: contro; Spett.: spettabile
    spett.: spettabile; cap.: capitolo; vol.: volume; fig.: figura; rif.: riferimento; S.p.A.: S P A; S.r.l.: S R L
    lun.: lunedì; mar.: martedì; mer.: mercoledì; gio.: giovedì; ven.: venerdì; sab.: sabato; dom.: domenica
    gen.: gennaio; feb.: febbraio; apr.: aprile; ago.: agosto; sett.: settembre; ott.: ottobre; nov.: novembre
    dic.: dicembre; s.l.m.: sul livello del mare; u.s.: ultimo scorso; dx: destra; sx: sinistra; gg.: giorni
    n.d.r.: nota della redazione; nr.: numero; num.: numero; tot.: totale; sec.: secolo; int.: interno
    S.S.: Sua Santità
""")

CONTEXTUAL = (
    (r"S\.(?=\s[A-Z][a-z])", "San"),
    (r"SS\.(?=\s[A-Z][a-z])", "Santissimi"),
    (r"[nN](?:\.|\.?[º°])\s?(?=\d)", "numero "),
    (r"p\.(?=\s?\d)", "pagina"),
    (r"art\.(?=\s?\d)", "articolo"),
    (r"(?<=\s)['’](?=\d0(?!\d))", ""),
    (r"24/7", "ventiquattro sette"),
    (r"e/o", "e o"),
)

SPELLED = "BTP FMI GPL OGM PM PMI RSU SMS TFR UE UDC ZTL CPI SRL DNA"
PRONOUNCED = """
    OK SI NO DI DA IN SU LA LE IL LO GLI UN ME TE SE MI TI CI VI NE CHE HA HO HAI SA DO FA VA STA AH EH OH UH PO AL
"""
KINGS = """
    Alberto Alessandro Benedetto Carlo Clemente Edoardo Emanuele Enrico Federico Ferdinando Filippo Francesco Giacomo
    Giorgio Giovanni Giulio Gregorio Guglielmo Innocenzo Leone Leopoldo Luigi Napoleone Nicola Ottone Paolo Pietro Pio
    Riccardo Umberto Urbano Vittorio
"""
PHONE = r"""
      \+\d{1,3}(?:[\s.-]?\(?\d{1,5}\)?){2,6}(?!\d)
    | 0\d{1,3}[\s./-]\s?\d{3,8}(?:[\s-]\d{2,4}){0,2}(?!\d) | 3\d{2}[\s.-]\d{3}[\s.-]?\d{3,4}(?!\d) | 3\d{9}(?!\d)
    | [89]\d{2}[\s.-]\d{3}[\s.-]\d{3}(?!\d)
"""

ITALIAN = Language(
    numbers="it",
    point="virgola",
    dot="punto",
    decimals_as_number=2,
    masculine=((r"^uno$", "un"),),
    feminine=((r"^uno$", "una"),),
    feminine_nouns=r"(?!(?:problema|tema|sistema|programma|clima|pianeta|poeta|giorno)$)\w*(?:a|zione|sione|tà|tù)"
    "|ore|notte|parte|volta|classe|mano|chiave|carne|gente|foto|moto|radio|auto",
    no_nouns=words("a e o di del da in è per con che più meno al alle ad ed"),
    repairs=((r"(?<=\w)tre$", "tré"), (r"dicotto", "diciotto"), (r"(milion[ei]|miliard[oi]) e ", r"\1 ")),
    magnitudes=lines("""
        mila: mila; milione: milione/milioni; milioni: milione/milioni; mln: milione/milioni
        miliardo: miliardo/miliardi; miliardi: miliardo/miliardi; mld: miliardo/miliardi; M: milione/milioni; k: mila
        K: mila
    """),
    of_magnitude="di",
    fractions=fractions("""
        2: mezzo/mezzi; 3: terzo/terzi; 4: quarto/quarti; 5: quinto/quinti; 6: sesto/sesti; 8: ottavo/ottavi
        10: decimo/decimi; 100: centesimo/centesimi
    """),
    one_in_fractions="un",
    half=("mezzo", "mezza"),
    and_a_half=("e mezzo", "e mezza"),
    ordinals=((r"ª|a(?=\s[a-z])", ((r"o$", "a"),)), (r"º|°(?=\s[^\W\d_]{4})", ())),
    months=tuple(MONTHS.split()),
    month_abbreviations=numbered(MONTH_ABBREVIATIONS) | {"sett": 9},
    weekdays=WEEKDAYS,
    date="{day} {month}",
    date_with_year="{day} {month} {year}",
    first_day="primo",
    date_words=words("il dal al entro del"),
    time="{h} e {m}",
    full_hour="{h}",
    hour=Noun("ora", "ore", True),
    dotted_times=words("alle dalle ore le all dall"),
    duration=(Noun("ora", "ore", True), Noun("minuto", "minuti"), Noun("secondo", "secondi")),
    currencies=CURRENCIES,
    money="{main} e {cents}",
    units=UNITS,
    per="al",
    per_words=words("ora giorno settimana mese anno persona notte minuto secondo"),
    symbols=SYMBOLS,
    range_word="a",
    ratio_word="a",
    by="per",
    number_sign="numero",
    about="circa",
    percent="per cento",
    power="alla",
    address_marks={
        "@": "chiocciola",
        ".": "punto",
        "/": "barra",
        "-": "trattino",
        "_": "trattino basso",
        ":": "due punti",
        "?": "punto interrogativo",
        "=": "uguale",
        "&": "e",
        "#": "cancelletto",
        "+": "più",
        "%": "per cento",
        "~": "tilde",
    },
    hashtag="hashtag",
    phone=PHONE,
    short_numbers=words("112 113 115 118 911"),
    phone_words=words("chiamare chiami chiama componga numero emergenza telefono"),
    digit_words=words("codice pin carta conto cap volo finisce termina password conferma"),
    abbreviations=ABBREVIATIONS,
    contextual=CONTEXTUAL,
    openers=words("e n"),
    spelled=words(common.SPELLED + SPELLED) - words("IT AI"),
    pronounced=words(PRONOUNCED),
    rulers=words(KINGS),
    queens=words("Elisabetta Caterina Maria Margherita Cristina Giovanna Isabella"),
    feminine_ordinal=((r"o$", "a"),),
    counted=words(
        "capitolo tomo parte volume libro titolo atto scena sezione fase tipo allegato articolo guerra canto"
    ),
    centuries=words("secolo secoli sec."),
    century_ordinal=True,
    version="versione",
    and_="e",
    code="un blocco di codice",
)
