"""German."""

from __future__ import annotations

from antiphon.text.spoken.language import Language, Noun, currencies, fractions, lines, nouns, numbered, words
from antiphon.text.spoken.languages import common

MONTHS = "Januar Februar März April Mai Juni Juli August September Oktober November Dezember"
MONTH_ABBREVIATIONS = "Jan Feb Mär Apr - Jun Jul Aug Sep Okt Nov Dez"
WEEKDAYS = lines("""
    Mo: Montag; Di: Dienstag; Mi: Mittwoch; Do: Donnerstag; Fr: Freitag; Sa: Samstag; So: Sonntag
""")

CURRENCIES = currencies("""
    € EUR Euro: Euro, Cent; $ Dollar: Dollar, Cent; US$ USD: US-Dollar, Cent; £ GBP: Pfund, Penny/Pence; ¥ JPY: Yen
    CHF SFr. Fr.: Schweizer Franken, Rappen; ct Cent: Cent; kr SEK: Krone/Kronen f; zł PLN: Zloty
    ₹ INR: Rupie/Rupien f
""")

UNITS = nouns("""
    km: Kilometer; m: Meter; cm: Zentimeter; mm: Millimeter; µm: Mikrometer; nm: Nanometer; dm: Dezimeter
    km/h: Kilometer pro Stunde; m/s: Meter pro Sekunde; kg: Kilogramm; g: Gramm; mg: Milligramm; µg: Mikrogramm
    t: Tonne/Tonnen f; l L: Liter; ml: Milliliter; cl: Zentiliter; dl: Deziliter; °C ℃: Grad Celsius
    °F: Grad Fahrenheit; °: Grad; h Std Std. Stdn.: Stunde/Stunden f; Min Min. min: Minute/Minuten f
    s Sek Sek. sek: Sekunde/Sekunden f; ms: Millisekunde/Millisekunden f; KB kB: Kilobyte; MB: Megabyte; GB: Gigabyte
    TB: Terabyte; Mbit/s Mbps: Megabit pro Sekunde; Gbit/s: Gigabit pro Sekunde; kbit/s: Kilobit pro Sekunde
    Hz: Hertz; kHz: Kilohertz; MHz: Megahertz; GHz: Gigahertz; W: Watt; kW: Kilowatt; MW: Megawatt; GW: Gigawatt
    kWh: Kilowattstunde/Kilowattstunden f; MWh: Megawattstunde/Megawattstunden f; V: Volt; mA: Milliampere
    mAh: Milliamperestunde/Milliamperestunden f; kcal: Kilokalorie/Kilokalorien f; kJ: Kilojoule; dB: Dezibel; PS: P S
    px: Pixel; m² m2 qm: Quadratmeter; km² km2: Quadratkilometer; cm²: Quadratzentimeter; m³ m3: Kubikmeter
    ha: Hektar; EL: Esslöffel; TL: Teelöffel; Pkg.: Packung/Packungen f; bar: Bar; hPa: Hektopascal
    U/min: Umdrehungen pro Minute
""")

SYMBOLS = lines("""
    &: und; @: at; %: Prozent; ‰: Promille; +: plus; =: gleich; ≠: ungleich; ≈: ungefähr; ±: plus minus; ×: mal
    ÷: geteilt durch; *: mal; /: geteilt durch; -: minus; <: kleiner als; >: größer als; ≤: höchstens; ≥: mindestens
    →: nach; ⇒: also; °: Grad; $: Dollar; €: Euro; £: Pfund; §§: Paragrafen; §: Paragraf; ²: Quadrat; ³: hoch drei
    √: Wurzel aus; π: Pi; ∞: unendlich; µ: Mikro
""")

ABBREVIATIONS = lines("""
    Dr.: Doktor; Prof.: Professor; Hr.: Herr; Hrn.: Herrn; Dipl.: Diplom; Ing.: Ingenieur; z. B.: zum Beispiel
    z.B.: zum Beispiel; d. h.: das heißt; d.h.: das heißt; u. a.: unter anderem; u.a.: unter anderem; z. T.: zum Teil
    z.T.: zum Teil; i. d. R.: in der Regel; i.d.R.: in der Regel; o. Ä.: oder Ähnliches; o.ä.: oder ähnliches
    v. a.: vor allem; v.a.: vor allem; u. U.: unter Umständen; u.U.: unter Umständen; v. Chr.: vor Christus
    n. Chr.: nach Christus; usw.: und so weiter; etc.: et cetera; bzw.: beziehungsweise; ca.: circa; evtl.: eventuell
    ggf.: gegebenenfalls; inkl.: inklusive; exkl.: exklusive; zzgl.: zuzüglich; vgl.: vergleiche; max.: maximal
    min.: minimal; mind.: mindestens; sog.: sogenannte; geb.: geboren; gest.: gestorben; bes.: besonders
    allg.: allgemein; usf.: und so fort; u. s. w.: und so weiter; St.: Sankt; Str.: Straße; Pl.: Platz; Tel.: Telefon
    tel.: telefonisch; Abt.: Abteilung; Abb.: Abbildung; Kap.: Kapitel; Bd.: Band; Jh.: Jahrhundert; Jhd.: Jahrhundert
    Mwst.: Mehrwertsteuer; MwSt.: Mehrwertsteuer; MwSt: Mehrwertsteuer; Fa.: Firma; Nr.: Nummer; Nrn.: Nummern
    Art.: Artikel; Abs.: Absatz; Aufl.: Auflage; Std.: Stunden; vs.: gegen; Co.: Co; Mio.: Millionen; Mrd.: Milliarden
    wg.: wegen; Mo.: Montag; Di.: Dienstag; Mi.: Mittwoch; Do.: Donnerstag; Sa.: Samstag; Jan.: Januar; Feb.: Februar
    Apr.: April; Aug.: August; Sept.: September; Okt.: Oktober; Nov.: November; Dez.: Dezember; PLZ: Postleitzahl
    GmbH: G m b H
""")

CONTEXTUAL = (
    (r"Fr\.(?=\s(?:Dr\.|Prof\.|[A-ZÄÖÜ][a-zäöüß]))", "Frau"),
    (r"S\.(?=\s?\d)", "Seite"),
    (r"([A-ZÄÖÜ][a-zäöüß]+)str\.(?![^\W_])", r"\1straße"),
    (r"24/7", "vierundzwanzig sieben"),
    (r"und/oder", "und oder"),
)

# How an ordinal ends after a word: "der fünfte", "am fünften", "ihr fünfter".
WEAK = words("der die das jeder dieser eine ihre seine meine unsere jede diese")
DATIVE = words("""
    dem den des am im zum vom beim zur ab bis seit einer einem einen ihrem seinem meinem unserem jedem jeden diesem
    diesen
""")
STRONG = words("ein ihr sein mein dein unser kein als")
ENDINGS = {
    **dict.fromkeys(WEAK, ""),
    **dict.fromkeys(DATIVE, "n"),
    **dict.fromkeys((f"{word} der" for word in words("in an mit von auf zu nach bei aus seit")), "n"),
    **dict.fromkeys(STRONG, "r"),
    "": "r",
}

SPELLED = """
    ABS ADAC ADHS AEG AG AOK ARD ASB BASF BGB BIC BIP BUND CDU CSU DB DDR DFB DHL DRK EDV EKD ESP EZB FAZ FDP HNO ICE
    IG IHK KG LKA LKW OB OP PKW RAF SPD SUV UG UKW USW VHS VW WG ZDF AB AFD EM WM
"""
PHONE = r"""
      \+\d{1,3}(?:[\s./-]?\(?\d{1,8}\)?){1,6}(?!\d)
    | \(?0\d{2,4}\)?\s?[\s/-]\s?\d{2,8}(?:[\s-]\d{2,8}){0,4}(?!\d|\.\d)
"""

GERMAN = Language(
    numbers="de",
    point="Komma",
    dot="Punkt",
    masculine=((r"^eins$", "ein"),),
    feminine=((r"^eins$", "eine"),),
    feminine_nouns=r"\w+(?:ung|heit|keit|schaft|ion|tät|ei|enz|anz|in|e)|Uhrzeit|Nacht|Stadt|Hand|Person|Kuh|Maus|Wand",
    nouns_in_capitals=True,
    percent_is_noun=True,
    magnitudes=lines("""
        Tausend: Tausend; Million: Million/Millionen f; Millionen: Million/Millionen f; Mio.: Million/Millionen f
        Mio: Million/Millionen f; Milliarde: Milliarde/Milliarden f; Milliarden: Milliarde/Milliarden f
        Mrd.: Milliarde/Milliarden f; Mrd: Milliarde/Milliarden f; Billionen: Billion/Billionen f
    """),
    year_pairs=(1100, 1999),
    fractions=fractions("""
        2: Halb/Halbe; 3: Drittel; 4: Viertel; 5: Fünftel; 6: Sechstel; 8: Achtel; 10: Zehntel; 100: Hundertstel
    """),
    one_in_fractions="ein",
    half=("ein halb", "eine halbe"),
    and_a_half=("einhalb", "einhalb"),
    ordinals=((r"\.(?=\s[^\W\d_])", ()),),
    ordinal_endings=ENDINGS,
    months=tuple(MONTHS.split()),
    month_abbreviations=numbered(MONTH_ABBREVIATIONS) | {"Sept": 9},
    weekdays=WEEKDAYS,
    date="{day} {month}",
    date_with_year="{day} {month} {year}",
    short_date=r"(?P<day>\d{1,2})\.\s?(?P<month>\d{1,2})\.",
    day_is_ordinal=True,
    time="{h} Uhr {m}",
    full_hour="{h} Uhr",
    hour=Noun("Uhr", "Uhr"),
    hour_words="Uhr",
    duration=(Noun("Stunde", "Stunden", True), Noun("Minute", "Minuten", True), Noun("Sekunde", "Sekunden", True)),
    decade_mark="er",
    decade=((r"$", "er"),),
    currencies=CURRENCIES,
    money="{main} {count}",
    units=UNITS,
    per="pro",
    per_words=words("Stunde Tag Woche Monat Jahr Person Nacht Minute Sekunde Stück Nutzer Kilo"),
    symbols=SYMBOLS,
    range_word="bis",
    ratio_word="zu",
    by="mal",
    number_sign="Nummer",
    about="ungefähr",
    percent="Prozent",
    power="hoch",
    address_marks={
        "@": "at",
        ".": "Punkt",
        "/": "Schrägstrich",
        "-": "Minus",
        "_": "Unterstrich",
        ":": "Doppelpunkt",
        "?": "Fragezeichen",
        "=": "gleich",
        "&": "und",
        "#": "Raute",
        "+": "plus",
        "%": "Prozent",
        "~": "Tilde",
    },
    hashtag="Hashtag",
    phone=PHONE,
    short_numbers=words("110 112 115 116 911"),
    phone_words=words("wählen wähle wählt notruf notfall nummer rufen ruf rufe anrufen telefon"),
    digit_words=words(
        "code pin plz postleitzahl tan otp karte konto kontonummer kundennummer bestellnummer durchwahl endet"
    ),
    abbreviations=ABBREVIATIONS,
    long_abbreviations=("str",),
    contextual=CONTEXTUAL,
    openers=words("Fr und"),
    spelled=words(common.SPELLED + SPELLED),
    pronounced=words("OK SO DA JA IN AN AM IM UM ZU ES ER DU WO OB AB HM PSST DR ST TÜV"),
    rulers=words("""
        Albert Alexander August Benedikt Christian Clemens Eduard Ferdinand Franz Friedrich Georg Gregor Gustav
        Heinrich Innozenz Jakob Johannes Joseph Karl Konrad Leo Leopold Ludwig Maximilian Napoleon Nikolaus Otto Paul
        Peter Philipp Pius Richard Wilhelm
    """),
    queens=words("Anna Christina Elisabeth Katharina Maria Margarethe Beatrix Isabella"),
    ruler=("der {ordinal}", "die {ordinal}"),
    counted=words(
        "kapitel teil band buch akt szene artikel abschnitt phase klasse stufe tabelle abbildung weltkrieg typ"
    ),
    version="Version",
    and_="und",
    code="ein Stück Code",
)
