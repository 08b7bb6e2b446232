"""What several languages share."""

from __future__ import annotations

# Initialisms that have a vowel, and are spelled wherever they are used.
SPELLED = """
    AI API APR ATM AWS CEO CFO CIA COO CPU CTO DIY DNA EEG EKG EU EUR FAQ FBI FIA GPU GUI HIV IBM ID IDE IEEE IOS IP
    IPO IQ ISBN ISO ISP IT IV KI LED MBA MIT MIA NBA NGO NSA OLED OS PIB PR QA SEO SIM SOS UFO UI UK UN UPS URI URL US
    USA USB UTC UV UX VIP VPN
"""
