# Devices and their enrolment.

name-has = Name has “{ $text }”
