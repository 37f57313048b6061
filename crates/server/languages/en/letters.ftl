# What stands around letters, and notes on devices; in the language of the message that an administrator wrote.

letter-device = Device
letter-model = Model
letter-system = System
letter-device-id = Device ID
letter-why = Why, and what to do:
letter-help = Help
note-title = This device is not compliant
note-text = It does not meet what your organisation asks for. Open the app to see why and what to do.
