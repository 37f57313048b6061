# Geräte und ihre Registrierung.

name-has = Name enthält „{ $text }“
