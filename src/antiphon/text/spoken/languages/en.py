"""English, as it is spoken in America."""

from __future__ import annotations

from antiphon.text.spoken.language import Language, Noun, currencies, fractions, lines, nouns, numbered, words

MONTHS = "January February March April May June July August September October November December"
MONTH_ABBREVIATIONS = "Jan Feb Mar Apr - Jun Jul Aug Sep Oct Nov Dec"
WEEKDAYS = lines("""
    Mon: Monday; Tue: Tuesday; Tues: Tuesday; Wed: Wednesday; Thu: Thursday; Thur: Thursday; Thurs: Thursday
    Fri: Friday; Sat: Saturday; Sun: Sunday
""")

CURRENCIES = currencies("""
    $: dollar/dollars, cent/cents; € EUR: euro/euros, cent/cents; £ GBP: pound/pounds, penny/pence; ¥ JPY: yen
    ₹ INR: rupee/rupees, paisa/paise; ₩ KRW: won; ¢: cent/cents; US$ USD: U S dollar/U S dollars, cent/cents
    C$ CA$ CAD: Canadian dollar/Canadian dollars, cent/cents; A$ AUD: Australian dollar/Australian dollars, cent/cents
    R$ BRL: real/reais, centavo/centavos; CHF: Swiss franc/Swiss francs, centime/centimes
""")

UNITS = nouns("""
    km: kilometer/kilometers; m: meter/meters; cm: centimeter/centimeters; mm: millimeter/millimeters
    nm: nanometer/nanometers; mi: mile/miles; ft: foot/feet; yd yds: yard/yards; mph: mile per hour/miles per hour
    km/h kph kmh: kilometer per hour/kilometers per hour; m/s: meter per second/meters per second
    kg: kilogram/kilograms; g: gram/grams; mg: milligram/milligrams; µg mcg: microgram/micrograms
    lb lbs: pound/pounds; oz: ounce/ounces; L l: liter/liters; ml mL: milliliter/milliliters
    cl: centiliter/centiliters; gal: gallon/gallons; qt: quart/quarts; pt: pint/pints; tsp: teaspoon/teaspoons
    tbsp Tbsp: tablespoon/tablespoons; °C ℃: degree Celsius/degrees Celsius
    °F ℉: degree Fahrenheit/degrees Fahrenheit; °: degree/degrees; min mins: minute/minutes
    sec secs s: second/seconds; hr hrs h: hour/hours; ms: millisecond/milliseconds; yr yrs: year/years
    wk wks: week/weeks; mo: month/months; KB kB: kilobyte/kilobytes; MB: megabyte/megabytes; GB: gigabyte/gigabytes
    TB: terabyte/terabytes; kbps Kbps: kilobit per second/kilobits per second
    Mbps: megabit per second/megabits per second; Gbps: gigabit per second/gigabits per second; Hz: hertz
    kHz: kilohertz; MHz: megahertz; GHz: gigahertz; W: watt/watts; kW: kilowatt/kilowatts; MW: megawatt/megawatts
    kWh: kilowatt hour/kilowatt hours; V: volt/volts; mA: milliamp/milliamps; mAh: milliamp hour/milliamp hours
    J: joule/joules; kcal: kilocalorie/kilocalories; cal: calorie/calories; dB: decibel/decibels; px: pixel/pixels
    psi: pound per square inch/pounds per square inch; hp: horsepower; sqft: square foot/square feet
    m² m2: square meter/square meters; km² km2: square kilometer/square kilometers
    cm² cm2: square centimeter/square centimeters; m³ m3: cubic meter/cubic meters; ha: hectare/hectares
    ppm: part per million/parts per million; rpm RPM: revolution per minute/revolutions per minute
    bpm: beat per minute/beats per minute; fps: frame per second/frames per second
""")

SYMBOLS = lines("""
    &: and; @: at; %: percent; +: plus; =: equals; ≠: does not equal; ≈: is about; ±: plus or minus; ×: times
    ÷: divided by; *: times; /: divided by; -: minus; <: less than; >: greater than; ≤: at most; ≥: at least; →: to
    ⇒: so; °: degrees; $: dollars; €: euros; £: pounds; §: section; ²: squared; ³: cubed; √: the square root of; π: pi
    ∞: infinity; µ: micro
""")

ABBREVIATIONS = lines("""
    Mr.: Mister; Mrs.: Missus; Ms.: Miz; Mx.: Mix; Prof.: Professor; Gen.: General; Gov.: Governor; Sen.: Senator
    Rep.: Representative; Rev.: Reverend; Capt.: Captain; Sgt.: Sergeant; Lt.: Lieutenant; Col.: Colonel; Jr.: Junior
    Sr.: Senior; e.g.: for example; i.e.: that is; etc.: et cetera; vs.: versus; vs: versus; approx.: approximately
    appt.: appointment; est.: estimated; dept.: department; Dept.: Department; Inc.: Incorporated; Ltd.: Limited
    Corp.: Corporation; Co.: Company; Ave.: Avenue; Blvd.: Boulevard; Rd.: Road; Ln.: Lane; Hwy.: Highway
    Apt.: Apartment; Bldg.: Building; Mt.: Mount; Ft.: Fort; ext.: extension; Ext.: Extension; tel.: telephone
    Tel.: Telephone; w/: with; w/o: without; min.: minimum; max.: maximum; avg.: average; govt.: government
    misc.: miscellaneous; ca.: circa; cf.: compare; et al.: and others; a.k.a.: also known as; ASAP: A S A P
    Mon: Monday; Tue: Tuesday; Tues: Tuesday; Wed: Wednesday; Thu: Thursday; Thur: Thursday; Thurs: Thursday
    Fri: Friday; Mon.: Monday; Tue.: Tuesday; Tues.: Tuesday; Wed.: Wednesday; Thu.: Thursday; Thurs.: Thursday
    Fri.: Friday; Sat.: Saturday; Sun.: Sunday; Jan.: January; Feb.: February; Mar.: March; Apr.: April; Aug.: August
    Sept.: September; Oct.: October; Nov.: November; Dec.: December
""")

ADDRESS_MARKS = {
    "@": "at",
    ".": "dot",
    "/": "slash",
    "-": "dash",
    "_": "underscore",
    ":": "colon",
    "?": "question mark",
    "=": "equals",
    "&": "and",
    "#": "hash",
    "+": "plus",
    "%": "percent",
    "~": "tilde",
}

CONTEXTUAL = (
    (r"St\.(?=\s[A-Z])(?<!\bMain St\.)", "Saint"),
    (r"St\.(?![^\W_])", "Street"),
    (r"Dr\.(?=\s[A-Z])", "Doctor"),
    (r"Dr\.(?![^\W_])", "Drive"),
    (r"dr\.(?=\s)", "doctor"),
    (r"No\.(?=\s?\d)", "Number"),
    (r"no\.(?=\s?\d)", "number"),
    (r"[Nn]os\.(?=\s?\d)", "numbers"),
    (r"Fig\.(?=\s?\d)", "Figure"),
    (r"fig\.(?=\s?\d)", "figure"),
    (r"[Pp]p\.(?=\s?\d)", "pages"),
    (r"p\.(?=\s?\d)", "page"),
    (r"[Vv]ol\.(?=\s?\d)", "volume"),
    (r"[Cc]h\.(?=\s?\d)", "chapter"),
    (r"[Ss]ec\.(?=\s?\d)", "section"),
    (r"24/7", "twenty-four seven"),
    (r"9/11", "nine eleven"),
    (r"([CF])#(?!\w)", r"\1 sharp"),
    (r"and/or", "and or"),
    (r"""(?<=\d)['′](?=\d{1,2}["″])""", "feet"),
    (r"""(?<=\d)["″](?!\w)""", "inches"),
    (r"\$(?=\d+(?:\.\d+)? ?(?:thousand|million|billion|trillion)[ -](?:deal|dollar))", ""),
)

SPELLED = """
    AAA ACL ADHD ADP AED AFK AGM AI AKA AM AOL API APR ASCII ATM BA BAE CAO CDC CEO CET CEST CFO CIA CIO COO CPA CPU
    CTO DC DIY DNA DOB DOE DOJ DUI EDT EFT EHR EIN EKG EMR EMS EMT EOB EOD EPA ER ESL ESPN EST ETA ETF EU EUR EV FAA
    FAQ FBI FDA FDIC GDP GOP GPU GUI HIV HOA HR IBM ICU ID IDE IEEE IL IMO IOS IOU IP IPA IPO IQ IRA IRS ISBN ISO ISP
    IT IUD IV IVF KFC LA LED LLC MBA MIA MIT MLA MOU MRI NBA NDA NFL NGO NHL NIH NSA NYU OCD OEM OS OTC OTP PA PDA PO
    POA POS PR PSA PTA QA QR RIP ROI RSVP RV SEO SOS SUV TBA UAE UCLA UFO UI UK UN UPS URI URL US USA USB USC USD USPS
    UTC UV UX VAT VIP VPN YMCA
"""
PRONOUNCED = "OK NO SO ON OF OR IN IS IF AS AT BY BE DO GO HE ME MY TO UP WE AN AH OH HI SHH HMM PSST MR MRS DR ST"
SHORT_WORDS = """
    ace act add ads age ago aid aim air all and ant any ape arm art ask ate awe bad bag ban bar bat bay bed bee beg
    bet big bin bit boo bow box boy bug bus but buy bye cab can cap car cat cop cow cry cup cut dad dam day den did
    die dig dim dip dog dot dry due ear eat egg ego end era eve eye fan far fat fee few fin fit fix fly fog for fox
    fun fur gap gas get gif gin god got gum gun guy gym had ham has hat hen her hey hid him hip his hit hop hot how
    hub hug huh ice ill ink inn its jam jar jaw jet job jog joy key kid kit lab lap law lay leg let lie lip log lot
    low mad man map mat may men met mix mom mud nah net new nil nod nor not now nut oak odd off oil old one our out
    owe own pad pan pay pen per pet pie pig pin pit pop pot put ram ran rap rat raw red rid rim rip rob rod rom row
    rub rug run sad sat saw say sea see set sew sex she shy sim sin sip sir sit six sky son sow spa spy sub sue sum
    sun tag tan tap tax tea ten the tie tin tip toe ton too top toy try two use van vet via wan war was wax way web
    wet who why win wit won wow yay yea yep yes yet you zip zoo lan
"""
RULERS = """
    Albert Alexander Alfonso Benedict Carl Catherine Charles Christian Clement Edward Elizabeth Ferdinand Francis
    Frederick George Gregory Gustav Haakon Harald Henry Innocent James Leo Leopold Louis Mary Napoleon Nicholas Otto
    Paul Peter Philip Pius Ramses Richard Urban William
"""
COUNTED = """
    act appendix article book bowl chapter class episode figure grade level part phase rocky scene section stage table
    title type vol volume war
"""
PHONE = r"""
      (?:\+?1[\s.-])?\(?\d{3}\)?[\s.-]\d{3}[\s.-]\d{4}(?!\d)
    | \d{3}-\d{4}(?!\d) | \d{3}-\d{3}(?![\d-]) | [2-9]\d{9}(?!\d)
    | \+\d{1,3}(?:[\s.-]?\(?\d{1,5}\)?){2,5}(?!\d)
"""

ENGLISH = Language(
    numbers="en",
    decimal=".",
    group=",\u202f",
    point="point",
    dot="point",
    magnitudes=lines("""
        thousand: thousand; million: million; billion: billion; trillion: trillion; k: thousand; K: thousand
        M: million; mn: million; B: billion; bn: billion
    """),
    year_pairs=(1100, 2099),
    fractions=fractions("""
        2: half/halves; 3: third/thirds; 4: quarter/quarters; 5: fifth/fifths; 6: sixth/sixths; 8: eighth/eighths
        10: tenth/tenths; 16: sixteenth/sixteenths; 100: hundredth/hundredths
    """),
    one_in_fractions="one",
    half=("one half", "one half"),
    and_a_half=("and a half", "and a half"),
    oh="oh",
    ordinals=(("st|nd|rd|th", ()),),
    months=tuple(MONTHS.split()),
    month_abbreviations=numbered(MONTH_ABBREVIATIONS) | {"Sept": 9},
    weekdays=WEEKDAYS,
    month_first=True,
    date_words=words("on by due from to through until till before after since starting between"),
    date="{month} {day}",
    date_with_year="{month} {day}, {year}",
    date_day_first="the {day} of {month} {year}",
    written_joint="of",
    day_is_ordinal=True,
    time="{h} {m}",
    full_hour="{h} o'clock",
    padded_minute="oh {m}",
    duration=(Noun("hour", "hours"), Noun("minute", "minutes"), Noun("second", "seconds")),
    decade_mark="s",
    decade=((r"y$", "ies"), (r"(?<!ies)$", "s")),
    currencies=CURRENCIES,
    money="{main} and {cents}",
    units=UNITS,
    per="per",
    per_words=words("hour day week month year person night minute second user seat item unit kg liter page"),
    symbols=SYMBOLS,
    range_word="to",
    ratio_word="to",
    by="by",
    number_sign="number",
    about="about",
    percent="percent",
    power="to the power of",
    address_marks=ADDRESS_MARKS,
    hashtag="hashtag",
    phone=PHONE,
    short_numbers=words("911 112 999 988 411 311"),
    phone_words=words("call calling dial dialing phone ring text"),
    digit_words=words("code pin zip otp passcode password card flight ending ends extension routing account"),
    pair_words=words("room suite apartment flight boeing airbus highway route interstate bus area"),
    abbreviations=ABBREVIATIONS,
    contextual=CONTEXTUAL,
    openers=words("and"),
    spelled=words(SPELLED),
    pronounced=words(PRONOUNCED),
    short_words=words(SHORT_WORDS),
    rulers=words(RULERS),
    ruler=("the {ordinal}", "the {ordinal}"),
    counted=words(COUNTED),
    and_="and",
    code="a block of code",
)
