letter-device = Gerät
letter-model = Modell
letter-system = System
letter-device-id = Geräte-ID
letter-why = Warum, und was zu tun ist:
letter-help = Hilfe
note-title = Dieses Gerät erfüllt die Richtlinien nicht
note-text = Es entspricht nicht dem, was Ihre Organisation verlangt. Die App zeigt, warum und was zu tun ist.
