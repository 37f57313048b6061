letter-device = Appareil
letter-model = Modèle
letter-system = Système
letter-device-id = ID de l’appareil
letter-why = Pourquoi, et que faire :
letter-help = Aide
note-title = Cet appareil n’est pas conforme
note-text = Il ne répond pas aux exigences de votre organisation. Ouvrez l’application pour savoir pourquoi et que faire.
