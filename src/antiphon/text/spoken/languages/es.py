"""Spanish, as it is spoken in Spain."""

from __future__ import annotations

from antiphon.text.spoken.language import Language, Noun, currencies, fractions, lines, nouns, numbered, words
from antiphon.text.spoken.languages import common

MONTHS = "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"
MONTH_ABBREVIATIONS = "ene feb mar abr - jun jul ago sep oct nov dic"
WEEKDAYS = lines("""
    lun: lunes; mar: martes; mié: miércoles; jue: jueves; vie: viernes; sáb: sábado; dom: domingo
""")

CURRENCIES = currencies("""
    € EUR euros euro: euro/euros, céntimo/céntimos; $ dólares: dólar/dólares, centavo/centavos
    US$ USD: dólar estadounidense/dólares estadounidenses, centavo/centavos; £ GBP: libra/libras f, penique/peniques
    ¥ JPY: yen/yenes; CHF: franco suizo/francos suizos, céntimo/céntimos; ₹ INR: rupia/rupias f
    MXN: peso mexicano/pesos mexicanos, centavo/centavos; ARS: peso argentino/pesos argentinos, centavo/centavos
    COP: peso colombiano/pesos colombianos; CLP: peso chileno/pesos chilenos; pesos: peso/pesos, centavo/centavos
""")

UNITS = nouns("""
    km: kilómetro/kilómetros; m: metro/metros; cm: centímetro/centímetros; mm: milímetro/milímetros
    µm: micrómetro/micrómetros; km/h: kilómetro por hora/kilómetros por hora
    m/s: metro por segundo/metros por segundo; kg: kilogramo/kilogramos; g gr: gramo/gramos; mg: miligramo/miligramos
    t: tonelada/toneladas f; l L: litro/litros; ml: mililitro/mililitros; cl: centilitro/centilitros
    °C ℃ ºC: grado Celsius/grados Celsius; °F: grado Fahrenheit/grados Fahrenheit; °: grado/grados
    min: minuto/minutos; s seg: segundo/segundos; ms: milisegundo/milisegundos; KB kB: kilobyte/kilobytes
    MB: megabyte/megabytes; GB: gigabyte/gigabytes; TB: terabyte/terabytes
    Mbps Mbit/s: megabit por segundo/megabits por segundo; Hz: hercio/hercios
    Gbps: gigabit por segundo/gigabits por segundo; kHz: kilohercio/kilohercios; MHz: megahercio/megahercios
    GHz: gigahercio/gigahercios; W: vatio/vatios; kW: kilovatio/kilovatios; MW: megavatio/megavatios
    kWh: kilovatio hora/kilovatios hora; V: voltio/voltios; mA: miliamperio/miliamperios
    mAh: miliamperio hora/miliamperios hora; kcal: kilocaloría/kilocalorías f; cal: caloría/calorías f
    dB: decibelio/decibelios; px: píxel/píxeles; m² m2: metro cuadrado/metros cuadrados; ha: hectárea/hectáreas f
    km² km2: kilómetro cuadrado/kilómetros cuadrados; m³ m3: metro cúbico/metros cúbicos
    cm²: centímetro cuadrado/centímetros cuadrados; hab.: habitante/habitantes; CV: caballo/caballos
""")

SYMBOLS = lines("""
    &: y; @: arroba; %: por ciento; +: más; =: igual a; ≠: distinto de; ≈: aproximadamente; ±: más menos; ×: por
    ÷: entre; *: por; /: entre; -: menos; <: menor que; >: mayor que; ≤: como máximo; ≥: como mínimo; →: a; ⇒: así que
    °: grados; $: dólares; €: euros; £: libras; §: sección; ²: al cuadrado; ³: al cubo; √: raíz de; π: pi; ∞: infinito
    µ: micro
""")

ABBREVIATIONS = lines("""
    Dr.: doctor; Dra.: doctora; Sr.: señor; Sra.: señora; Srta.: señorita; Sres.: señores; Dña.: doña; Ud.: usted
    Vd.: usted; Uds.: ustedes; Vds.: ustedes; Prof.: profesor; prof.: profesor; Profa.: profesora; Ing.: ingeniero
    Lic.: licenciado; Arq.: arquitecto; Excmo.: excelentísimo; p. ej.: por ejemplo; p.ej.: por ejemplo; etc.: etcétera
    Av.: avenida; Avda.: avenida; Pza.: plaza; Pl.: plaza; Ctra.: carretera; Apdo.: apartado; pág.: página
    págs.: páginas; núm.: número; Núm.: número; cap.: capítulo; vol.: volumen; aprox.: aproximadamente
    EE. UU.: Estados Unidos; EE.UU.: Estados Unidos; EEUU: Estados Unidos; a. C.: antes de Cristo
    a.C.: antes de Cristo; d. C.: después de Cristo; d.C.: después de Cristo; dpto.: departamento
    depto.: departamento; tel.: teléfono; Tel.: teléfono; tfno.: teléfono; máx.: máximo; mín.: mínimo; vs.: contra
    vs: contra; S. A.: sociedad anónima; S.A.: sociedad anónima; S. L.: sociedad limitada; S.L.: sociedad limitada
    izq.: izquierda; dcha.: derecha; dto.: descuento; admón.: administración; fdo.: firmado; lun.: lunes; mar.: martes
    mié.: miércoles; jue.: jueves; vie.: viernes; sáb.: sábado; dom.: domingo; ene.: enero; feb.: febrero; abr.: abril
    ago.: agosto; sept.: septiembre; oct.: octubre; nov.: noviembre; dic.: diciembre; c/u: cada uno; p. m.: P M
    a. m.: A M
""")

CONTEXTUAL = (
    (r"D\.(?=\s[A-ZÁÉÍÓÚ])", "don"),
    (r"Sta\.(?=\s[A-Z])", "santa"),
    (r"Sto\.(?=\s[A-Z])", "santo"),
    (r"S\.(?=\s[A-Z][a-z])", "san"),
    (r"C/(?=\s?[A-ZÁÉÍÓÚ])", "calle "),
    (r"s\.(?=\s[IVX]+\b)", "siglo"),
    (r"p\.(?=\s?\d)", "página"),
    (r"art\.(?=\s?\d)", "artículo"),
    (r"[nN]\.?[º°]\s?(?=\d)", "número "),
    (r"[nN]o\.(?=\s?\d)", "número"),
    (r"24/7", "veinticuatro siete"),
    (r"y/o", "y o"),
)

SPELLED = "ADN DGT DNI ESO FMI IAE IES IRPF ITV NIE NIF OCU PSOE TIE UCI UE UGT UVI EPO"
PRONOUNCED = "SI NO YA DE EN EL LA LO LE ME TE SE TU MI SU UN AL HA HE ES VA OK UF EH AH OH"
KINGS = """
    Alejandro Alfonso Amadeo Benedicto Carlos Clemente Enrique Federico Felipe Fernando Francisco Gregorio Guillermo
    Inocencio Jacobo Jaime Jorge José Juan León Leopoldo Luis Napoleón Nicolás Pablo Pedro Pío Ramiro Ricardo Sancho
"""
PHONE = r"""
      \+\d{1,3}(?:[\s.-]?\(?\d{1,5}\)?){2,6}(?!\d)
    | [6-9]\d{2}[\s.-]\d{3}[\s.-]\d{3}(?![\s.]?\d) | [6-9]\d{2}(?:[\s.-]\d{2}){3}(?!\d) | [6-9]\d{8}(?!\d)
    | 9\d[\s.-]\d{3}[\s.-]\d{2}[\s.-]\d{2}(?!\d) | \(\d{2,3}\)\s?\d{3,4}[\s-]\d{4}(?!\d)
"""
FEMININE_ORDINAL = ((r"o\b", "a"),)

SPANISH = Language(
    numbers="es",
    group=".\u00a0\u202f",
    point="coma",
    dot="punto",
    decimals_as_number=2,
    masculine=((r"veintiuno$", "veintiún"), (r"uno$", "un")),
    feminine=((r"uno$", "una"), (r"quinientos\b", "quinientas"), (r"cientos\b", "cientas")),
    feminine_nouns=r"(?!(?:días?|problemas?|programas?|temas?|mapas?|idiomas?|sistemas?|planetas?|clientes?)$)"
    r"(?:\w*(?:as?|ción|ciones|sión|siones|dad|dades|tud|tudes|umbre|ices)|veces|noches|clases|partes|calles|mujeres"
    r"|manos?|leyes|flores|llaves|imágenes|fotos|sedes|redes|tardes|gentes)",
    no_nouns=words("a al y o u de del en es e por con que más menos para ya la las"),
    repairs=((r"veintiuno (?=mil|bill)", "veintiún "), (r"uno (?=mil|bill)", "un ")),
    magnitudes=lines("""
        mil: mil; millón: millón/millones; millones: millón/millones; M: millón/millones; billones: billón/billones
        mill.: millón/millones; k: mil; K: mil
    """),
    of_magnitude="de",
    fractions=fractions("""
        2: medio/medios; 3: tercio/tercios; 4: cuarto/cuartos; 5: quinto/quintos; 6: sexto/sextos; 8: octavo/octavos
        10: décimo/décimos; 100: centésimo/centésimos
    """),
    one_in_fractions="un",
    half=("medio", "media"),
    and_a_half=("y medio", "y media"),
    ordinals=(
        (r"\.?ª|\.ᵃ", FEMININE_ORDINAL),
        (r"\.?er", ((r"primero$", "primer"), (r"tercero$", "tercer"))),
        (r"\.?º", ()),
    ),
    months=tuple(MONTHS.split()),
    month_abbreviations=numbered(MONTH_ABBREVIATIONS) | {"sept": 9},
    weekdays=WEEKDAYS,
    date="{day} de {month}",
    date_with_year="{day} de {month} de {year}",
    written_joint="de|del",
    first_day="primero",
    first_day_marked=True,
    date_words=words("el del al desde hasta"),
    time="{h} y {m}",
    full_hour="{h}",
    said_hour="{h} {hours}",
    hour=Noun("hora", "horas", True),
    hour_words="horas|hrs|hs|h",
    hour_marks=r":|\s?h\s?",
    duration=(Noun("hora", "horas", True), Noun("minuto", "minutos"), Noun("segundo", "segundos")),
    currencies=CURRENCIES,
    money="{main} con {cents}",
    units=UNITS,
    per="por",
    per_words=words("hora día semana mes año persona noche minuto segundo unidad"),
    symbols=SYMBOLS,
    range_word="a",
    ratio_word="a",
    by="por",
    number_sign="número",
    about="aproximadamente",
    percent="por ciento",
    power="elevado a",
    address_marks={
        "@": "arroba",
        ".": "punto",
        "/": "barra",
        "-": "guion",
        "_": "guion bajo",
        ":": "dos puntos",
        "?": "interrogación",
        "=": "igual",
        "&": "y",
        "#": "almohadilla",
        "+": "más",
        "%": "por ciento",
        "~": "tilde",
    },
    hashtag="almohadilla",
    phone=PHONE,
    short_numbers=words("112 091 092 061 080 016 911"),
    phone_words=words("llame llama llamar marque marca teléfono número emergencia"),
    digit_words=words("código pin clave contraseña tarjeta cuenta acaba termina terminada postal vuelo"),
    abbreviations=ABBREVIATIONS,
    contextual=CONTEXTUAL,
    openers=words("C y n"),
    spelled=words(common.SPELLED + SPELLED),
    pronounced=words(PRONOUNCED),
    rulers=words(KINGS),
    queens=words("Isabel Juana María Catalina Margarita Cristina Berenguela"),
    feminine_ordinal=FEMININE_ORDINAL,
    rulers_ordinal_to=10,
    counted=words("capítulo tomo parte volumen libro título acto escena sección fase tipo anexo artículo guerra juan"),
    centuries=words("siglo siglos s."),
    version="versión",
    and_="y",
    code="un fragmento de código",
)
