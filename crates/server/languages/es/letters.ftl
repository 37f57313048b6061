letter-device = Dispositivo
letter-model = Modelo
letter-system = Sistema
letter-device-id = ID del dispositivo
letter-why = Por qué, y qué hacer:
letter-help = Ayuda
note-title = Este dispositivo no cumple las directivas
note-text = No cumple lo que pide su organización. Abra la aplicación para ver por qué y qué hacer.
