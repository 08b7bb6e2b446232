"""Portuguese, as it is spoken in Portugal and in Brazil."""

from __future__ import annotations

from dataclasses import replace

from antiphon.text.spoken.language import Language, Noun, currencies, fractions, lines, nouns, numbered, words
from antiphon.text.spoken.languages import common

MONTHS = "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro"
MONTH_ABBREVIATIONS = "jan fev mar abr - jun jul ago set out nov dez"
WEEKDAYS = lines("""
    seg: segunda-feira; ter: terça-feira; qua: quarta-feira; qui: quinta-feira; sex: sexta-feira; sáb: sábado
    dom: domingo
""")

CURRENCIES = currencies("""
    € EUR euros euro: euro/euros, cêntimo/cêntimos; R$ BRL reais: real/reais, centavo/centavos
    $ dólares: dólar/dólares, cêntimo/cêntimos; US$ USD: dólar americano/dólares americanos, cêntimo/cêntimos
    £ GBP: libra/libras f, penny/pence; ¥ JPY: iene/ienes; CHF: franco suíço/francos suíços, cêntimo/cêntimos
    ₹ INR: rupia/rupias f
""")

UNITS = nouns("""
    km: quilómetro/quilómetros; m: metro/metros; cm: centímetro/centímetros; mm: milímetro/milímetros
    km/h: quilómetro por hora/quilómetros por hora; m/s: metro por segundo/metros por segundo
    kg: quilograma/quilogramas; g: grama/gramas; mg: miligrama/miligramas; t: tonelada/toneladas f; l L: litro/litros
    ml: mililitro/mililitros; cl: centilitro/centilitros; °C ℃ ºC: grau Celsius/graus Celsius
    °F: grau Fahrenheit/graus Fahrenheit; °: grau/graus; min: minuto/minutos; s seg: segundo/segundos
    ms: milissegundo/milissegundos; KB kB: kilobyte/kilobytes; MB: megabyte/megabytes; GB: gigabyte/gigabytes
    TB: terabyte/terabytes; Mbps Mbit/s: megabit por segundo/megabits por segundo; Hz: hertz; kHz: quilohertz
    Gbps: gigabit por segundo/gigabits por segundo; MHz: megahertz; GHz: gigahertz; W: watt/watts
    kW: quilowatt/quilowatts; MW: megawatt/megawatts; kWh: quilowatt hora/quilowatts hora; V: volt/volts
    mA: miliampere/miliamperes; mAh: miliampere hora/miliamperes hora; kcal: quilocaloria/quilocalorias f
    dB: decibel/decibéis; px: píxel/píxeis; m² m2: metro quadrado/metros quadrados; ha: hectare/hectares
    km² km2: quilómetro quadrado/quilómetros quadrados; m³ m3: metro cúbico/metros cúbicos; cv: cavalo/cavalos
""")

SYMBOLS = lines("""
    &: e; @: arroba; %: por cento; +: mais; =: igual a; ≠: diferente de; ≈: aproximadamente; ±: mais ou menos
    ×: vezes; ÷: a dividir por; *: vezes; /: a dividir por; -: menos; <: menor que; >: maior que; ≤: no máximo
    ≥: no mínimo; →: para; ⇒: logo; °: graus; $: dólares; €: euros; £: libras; §: parágrafo; ²: ao quadrado
    ³: ao cubo; √: raiz de; π: pi; ∞: infinito; µ: micro
""")

ABBREVIATIONS = lines("""
    Dr.: doutor; Dra.: doutora; Drª: doutora; Sr.: senhor; Sra.: senhora; Srª: senhora; Srta.: senhorita
    Exmo.: excelentíssimo; Prof.: professor; prof.: professor; Profa.: professora; profa.: professora
    Eng.: engenheiro; Engª: engenheira; Arq.: arquiteto; p. ex.: por exemplo; p.ex.: por exemplo; etc.: et cetera
    Av.: avenida; av.: avenida; Pç.: praça; Lgo.: largo; Trav.: travessa; pág.: página; págs.: páginas; núm.: número
    cap.: capítulo; vol.: volume; aprox.: aproximadamente; a.C.: antes de Cristo; a. C.: antes de Cristo
    d.C.: depois de Cristo; d. C.: depois de Cristo; tel.: telefone; Tel.: telefone; telem.: telemóvel; máx.: máximo
    mín.: mínimo; vs.: contra; vs: contra; Lda.: limitada; Ltda.: limitada; Cia.: companhia; dept.: departamento
    depto.: departamento; esq.: esquerda; dto.: direito; EUA: Estados Unidos; seg.: segunda-feira; ter.: terça-feira
    qua.: quarta-feira; qui.: quinta-feira; sex.: sexta-feira; sáb.: sábado; dom.: domingo; jan.: janeiro
    fev.: fevereiro; abr.: abril; ago.: agosto; set.: setembro; out.: outubro; nov.: novembro; dez.: dezembro
    séc.: século; obs.: observação; ref.: referência; V. Exa.: vossa excelência; Exa.: excelência; Sto.: santo
    Sta.: santa; S.A.: sociedade anónima
""")

CONTEXTUAL = (
    (r"D\.(?=\s(?:Pedro|João|Afonso|Manuel|Dinis|José|Miguel|Luís|Carlos|Sebastião|Henrique|Fernando)\b)", "dom"),
    (r"D\.(?=\s[A-ZÀ-Þ])", "dona"),
    (r"S\.(?=\s[A-ZÀ-Þ][a-z])", "são"),
    (r"R\.(?=\s[A-ZÀ-Þ])", "rua"),
    (r"p\.(?=\s?\d)", "página"),
    (r"art\.(?=\s?\d)", "artigo"),
    (r"[nN]\.?[º°]\s?(?=\d)", "número "),
    (r"24/7", "vinte e quatro sete"),
    (r"e/ou", "e ou"),
)

SPELLED = "BCE BES CNPJ CPF CTT DGS EDP FMI GNR IMI IRC IRS IUC NIF ONG PIB PSD RTP SEF SNS TVI UE USP UTI"
PRONOUNCED = "OK SE NA NO EM DE DO DA DOS DAS AO AS OS UM EU TU ELE ME TE LHE SEM SIM NÃO JÁ LÁ CÁ VÊ AH EH OH HÁ VAI"
KINGS = """
    Afonso Alexandre Benedito Bento Carlos Clemente Duarte Eduardo Fernando Filipe Francisco Frederico Gregório
    Guilherme Henrique Inocêncio Jaime João Jorge José Leão Leopoldo Luís Manuel Miguel Napoleão Nicolau Paulo Pedro
    Pio Ricardo Sancho Sebastião
"""
PHONE = r"""
      \+\d{1,3}(?:[\s.-]?\(?\d{1,5}\)?){2,6}(?!\d)
    | [2-9]\d{2}[\s.-]\d{3}[\s.-]\d{3}(?!\d) | [29]\d{8}(?!\d) | 2\d[\s.-]\d{3}[\s.-]\d{2}[\s.-]\d{2}(?!\d)
    | \(\d{2}\)\s?9?\d{4}[\s-]\d{4}(?!\d)
"""
FEMININE_ORDINAL = ((r"o\b", "a"),)

PORTUGUESE = Language(
    numbers="pt",
    group=".\u00a0\u202f",
    point="vírgula",
    dot="ponto",
    decimals_as_number=2,
    feminine=((r"\bum$", "uma"), (r"\bdois$", "duas"), (r"entos\b", "entas")),
    feminine_nouns=r"(?!(?:dias?|problemas?|programas?|temas?|mapas?|sistemas?|planetas?|idiomas?|gramas?)$)"
    r"(?:\w*(?:[aã]s?|ção|ções|são|sões|dade|dades|gem|gens)|vezes|noites|partes|mulheres|mãos|leis|flores|chaves|fotos"
    "|tardes|redes|colher|colheres|luzes|cores|árvores|maçãs|mães|classes)",
    no_nouns=words("a à às ao e o de do da em na no é por com que mais menos para já as os"),
    magnitudes=lines("""
        mil: mil; milhão: milhão/milhões; milhões: milhão/milhões; M: milhão/milhões; k: mil; K: mil
        mil milhões: mil milhão/mil milhões; bilhão: bilhão/bilhões; bilhões: bilhão/bilhões; bi: bilhão/bilhões
        mi: milhão/milhões
    """),
    of_magnitude="de",
    fractions=fractions("""
        2: meio/meios; 3: terço/terços; 4: quarto/quartos; 5: quinto/quintos; 6: sexto/sextos; 8: oitavo/oitavos
        10: décimo/décimos; 100: centésimo/centésimos
    """),
    one_in_fractions="um",
    half=("meio", "meia"),
    and_a_half=("e meio", "e meia"),
    ordinals=((r"\.?ª|\.?ᵃ", FEMININE_ORDINAL), (r"\.?º", ())),
    months=tuple(MONTHS.split()),
    month_abbreviations=numbered(MONTH_ABBREVIATIONS),
    weekdays=WEEKDAYS,
    date="{day} de {month}",
    date_with_year="{day} de {month} de {year}",
    written_joint="de",
    first_day="primeiro",
    first_day_marked=True,
    date_words=words("a de dia até em"),
    time="{h} e {m}",
    full_hour="{h}",
    said_hour="{h} {hours}",
    hour=Noun("hora", "horas", True),
    hour_words="horas|hora|h",
    hour_marks=r":|\s?h\s?",
    duration=(Noun("hora", "horas", True), Noun("minuto", "minutos"), Noun("segundo", "segundos")),
    currencies=CURRENCIES,
    money="{main} e {cents}",
    units=UNITS,
    per="por",
    per_words=words("hora dia semana mês ano pessoa noite minuto segundo unidade"),
    symbols=SYMBOLS,
    range_word="a",
    ratio_word="a",
    by="por",
    number_sign="número",
    about="cerca de",
    percent="por cento",
    power="elevado a",
    address_marks={
        "@": "arroba",
        ".": "ponto",
        "/": "barra",
        "-": "hífen",
        "_": "underscore",
        ":": "dois pontos",
        "?": "ponto de interrogação",
        "=": "igual",
        "&": "e",
        "#": "cardinal",
        "+": "mais",
        "%": "por cento",
        "~": "til",
    },
    hashtag="hashtag",
    phone=PHONE,
    short_numbers=words("112 190 192 193 911"),
    phone_words=words("ligue liga ligar número emergência telefone marque disque"),
    digit_words=words("código pin cartão conta senha acaba termina cep voo password"),
    abbreviations=ABBREVIATIONS,
    contextual=CONTEXTUAL,
    openers=words("e n"),
    spelled=words(common.SPELLED + SPELLED) - words("IA SOS"),
    pronounced=words(PRONOUNCED),
    rulers=words(KINGS),
    queens=words("Isabel Maria Catarina Margarida Cristina Joana"),
    feminine_ordinal=FEMININE_ORDINAL,
    rulers_ordinal_to=10,
    counted=words("capítulo tomo parte volume livro título ato cena secção seção fase tipo anexo artigo guerra canto"),
    centuries=words("século séculos séc."),
    version="versão",
    and_="e",
    code="um trecho de código",
)

BRAZILIAN = replace(
    PORTUGUESE,
    numbers="pt_BR",
    units={
        name: Noun(unit.one.replace("quiló", "quilô"), unit.many.replace("quiló", "quilô"), unit.feminine)
        for name, unit in UNITS.items()
    },
    currencies=CURRENCIES
    | currencies("$ dólares: dólar/dólares, centavo/centavos; € EUR euros: euro/euros, centavo/centavos"),
)
