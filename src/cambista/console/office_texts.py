"""Every text of the pages beside the desk and of signing in with a password, Spanish and English side by side."""

from typing import overload

from cambista.console.texts import Language


class Said:
    """One text in both languages; read of `Words`, it is the one of their language. `{…}` marks what is filled in."""

    def __init__(self, es: str, en: str) -> None:
        self.of = {Language.ES: es, Language.EN: en}

    @overload
    def __get__(self, words: None, owner: type) -> "Said": ...
    @overload
    def __get__(self, words: "Words", owner: type) -> str: ...
    def __get__(self, words: "Words | None", owner: type) -> "Said | str":
        return self if words is None else self.of[words.language]


class Words:
    """The texts in one language."""

    def __init__(self, language: Language) -> None:
        self.language = language

    # signing in
    enter_lead = Said("Entre con su correo y su contraseña.", "Sign in with your e-mail and password.")
    enter_email = Said("Correo", "E-mail")
    enter_password = Said("Contraseña", "Password")
    enter_with_key = Said("Entrar con una llave", "Sign in with a key")
    enter_with_password = Said("Entrar con contraseña", "Sign in with a password")
    enter_failed = Said("El correo o la contraseña no son correctos.", "The e-mail or the password is not right.")
    enter_expired = Said(
        "Su contraseña venció. Le enviamos un correo para cambiarla.",
        "Your password has expired. We sent you a letter to change it.",
    )
    enter_wait = Said(
        "Demasiados intentos. Espere {seconds} s y vuelva a probar.",
        "Too many attempts. Wait {seconds} s and try again.",
    )
    enter_late = Said("Pasó demasiado tiempo. Entre de nuevo.", "That took too long. Sign in again.")
    enter_not_staff = Said("La mesa es solo para el personal de la casa.", "The desk is for the house's staff only.")
    second_title = Said("Segundo paso", "Second step")
    second_lead = Said(
        "Muestre su segundo factor: el código de su aplicación, un código de recuperación o su llave de acceso.",
        "Show your second factor: a code of your app, a recovery code or your passkey.",
    )
    second_code = Said("Código", "Code")
    second_method = Said("Factor", "Factor")
    second_wrong = Said("Ese código no es correcto.", "That code is not right.")
    second_button = Said("Confirmar", "Confirm")
    second_passkey = Said("Usar una llave de acceso", "Use a passkey")
    factor_totp = Said("Aplicación", "App")
    factor_sms = Said("Mensaje al teléfono", "Text message")
    factor_passkey = Said("Llave de acceso", "Passkey")
    factor_recovery = Said("Código de recuperación", "Recovery code")
    enrol_title = Said("Proteja su cuenta", "Protect your account")
    enrol_lead = Said(
        "El personal entra con un segundo factor. Necesita una aplicación de códigos en su teléfono.",
        "Staff sign in with a second factor. You need an app for codes on your phone.",
    )
    enrol_begin = Said("Preparar la aplicación", "Set up the app")
    enrol_scan = Said(
        "Escanee la imagen con la aplicación, o escriba esta clave en ella:",
        "Scan the picture with the app, or type this key into it:",
    )
    enrol_type = Said(
        "Escriba el código que muestra la aplicación ahora.", "Type the code that the app shows now."
    )  # fmt: skip
    enrol_again = Said("Empezar de nuevo", "Start again")
    codes_title = Said("Códigos de recuperación", "Recovery codes")
    codes_lead = Said(
        "Guárdelos en un lugar seguro: cada uno sirve una vez, y no se muestran de nuevo.",
        "Keep them in a safe place: each is good once, and they are not shown again.",
    )
    codes_kept = Said("Los guardé, continuar", "I have kept them, go on")
    # the pages' frame
    nav = Said("Páginas", "Pages")
    nav_desk = Said("Mesa", "Desk")
    nav_people = Said("Personal", "Staff")
    nav_customers = Said("Clientes", "Customers")
    nav_audit = Said("Registro", "Record")
    nav_checkpoints = Said("Puntos de control", "Checkpoints")
    nav_solvency = Said("Solvencia", "Solvency")
    nav_security = Said("Seguridad", "Security")
    nav_me = Said("Mi cuenta", "My account")
    older = Said("Más antiguos", "Older")
    none = Said("No hay nada que mostrar.", "There is nothing to show.")
    yes = Said("Sí", "Yes")
    no = Said("No", "No")
    never = Said("Nunca", "Never")
    refused_title = Said("No se hizo", "Not done")
    back = Said("Volver", "Back")
    done = Said("Listo.", "Done.")
    step_up_title = Said("Confirme que es usted", "Confirm that it is you")
    step_up_lead = Said(
        "Esto necesita un segundo factor mostrado en los últimos minutos.",
        "This needs a second factor shown within the last minutes.",
    )
    # people
    search_email = Said("Buscar por correo completo", "Search by the whole e-mail")
    search = Said("Buscar", "Search")
    not_found_email = Said("Nadie tiene ese correo aquí.", "Nobody here has that e-mail.")
    name = Said("Nombre", "Name")
    email = Said("Correo", "E-mail")
    role = Said("Rol", "Role")
    country = Said("País", "Country")
    status = Said("Estado", "State")
    status_active = Said("Activo", "Active")
    status_blocked = Said("Bloqueado", "Blocked")
    since = Said("Desde", "Since")
    identifier = Said("Identificador", "Identifier")
    role_customer = Said("Cliente", "Customer")
    role_partner = Said("Aliado", "Partner")
    role_operator = Said("Operador", "Operator")
    role_treasurer = Said("Tesorería", "Treasury")
    role_compliance = Said("Cumplimiento", "Compliance")
    role_admin = Said("Administración", "Administration")
    role_auditor = Said("Auditoría", "Audit")
    block = Said("Bloquear", "Block")
    unblock = Said("Desbloquear", "Unblock")
    reason = Said("Motivo, sin nombrar a nadie", "Reason, naming nobody")
    invite = Said("Invitar a entrar", "Invite to sign in")
    invite_lead = Said(
        "Recibe una carta para fijar una contraseña. La de un cliente va a su correo registrado.",
        "They get a letter to set a password. A customer's goes to the registered e-mail.",
    )
    letter_language = Said("Idioma de la carta", "Language of the letter")
    # keys
    keys = Said("Llaves", "Keys")
    key = Said("Llave", "Key")
    prefix = Said("Comienzo", "Begins with")
    scopes = Said("Alcances", "Scopes")
    all_scopes = Said("todo lo de su rol", "all of its role")
    scopes_hint = Said("Alcances, separados por comas", "Scopes, separated by commas")
    networks = Said("Direcciones", "Addresses")
    networks_hint = Said("Redes, separadas por comas", "Networks, separated by commas")
    days_hint = Said("Días de vida (vacío: sin fin)", "Days to live (empty: no end)")
    expires = Said("Vence", "Expires")
    used = Said("Último uso", "Last used")
    signed = Said("Con firma", "Signed")
    revoked = Said("Revocada", "Revoked")
    revoke = Said("Revocar", "Revoke")
    rotate = Said("Renovar", "Rotate")
    make_key = Said("Hacer una llave", "Make a key")
    new_key_title = Said("Llave nueva", "New key")
    new_key_lead = Said(
        "Cópiela ahora: la casa guarda solo su huella y no puede mostrarla de nuevo.",
        "Copy it now: the house keeps only its hash and cannot show it again.",
    )
    signing_secret = Said("Secreto para firmar", "Signing secret")
    # sessions and factors
    sessions = Said("Sesiones", "Sessions")
    device = Said("Dispositivo", "Device")
    address = Said("Dirección", "Address")
    opened = Said("Abierta", "Opened")
    seen = Said("Vista", "Seen")
    proved = Said("Segundo factor", "Second factor")
    this_session = Said("Esta sesión", "This session")
    end_session = Said("Terminar", "End")
    end_all = Said("Terminar todas sus sesiones", "End all of their sessions")
    end_others = Said("Terminar todas las demás", "End all others")
    factors = Said("Segundos factores", "Second factors")
    factor = Said("Factor", "Factor")
    codes_left = Said("Códigos de recuperación por usar", "Recovery codes left")
    set_up_totp = Said("Preparar otra aplicación", "Set up another app")
    renew_codes = Said("Hacer códigos nuevos", "Make new codes")
    remove = Said("Quitar", "Remove")
    password = Said("Contraseña", "Password")
    password_since = Said("Fijada", "Set")
    password_old = Said("Contraseña actual", "Present password")
    password_new = Said("Contraseña nueva", "New password")
    password_change = Said("Cambiar la contraseña", "Change the password")
    password_changed = Said(
        "La contraseña cambió, y terminaron sus otras sesiones.", "The password was changed; your other sessions ended."
    )
    # the record
    number = Said("Número", "Number")
    time = Said("Hora (UTC)", "Time (UTC)")
    action = Said("Acción", "Action")
    outcome = Said("Resultado", "Outcome")
    actor = Said("Quién", "Who")
    subject = Said("Sobre qué", "On what")
    from_ = Said("Desde (UTC)", "From (UTC)")
    until = Said("Hasta (UTC)", "Until (UTC)")
    filter = Said("Filtrar", "Filter")
    more = Said("Todo", "All of it")
    entry = Said("Anotación", "Entry")
    before = Said("Estado antes (huella)", "State before (digest)")
    after = Said("Estado después (huella)", "State after (digest)")
    facts = Said("Datos", "Facts")
    credential = Said("Credencial", "Credential")
    agent = Said("Programa", "Agent")
    trace = Said("Rastro", "Trace")
    check_proof = Said("Comprobar", "Check proof")
    proof_title = Said("Prueba de la anotación {number}", "Proof of entry {number}")
    proof_good = Said(
        "La anotación está en el registro firmado, tal como se muestra.",
        "The entry is in the signed record, exactly as shown.",
    )
    proof_bad = Said(
        "La prueba falla: avise a auditoría de inmediato.", "The proof fails: tell the auditors at once."
    )  # fmt: skip
    proof_waits = Said(
        "Esta anotación aún no está en un punto de control. Intente en un minuto.",
        "This entry is in no checkpoint yet. Try again in a minute.",
    )
    step_hash = Said("La huella de la anotación es la del árbol", "The entry's hash is the one in the tree")
    step_path = Said(
        "De esa huella, por {count} vecinas, se llega a la raíz firmada",
        "From that hash, over {count} neighbours, one arrives at the signed root",
    )
    step_text = Said(
        "El texto del punto de control {number} dice esa raíz", "The text of checkpoint {number} says that root"
    )
    step_signature = Said("La firma es de la llave {key} de auditoría", "The signature is by the audit key {key}")
    size = Said("Anotaciones", "Entries")
    root = Said("Raíz", "Root")
    signature = Said("Firma", "Signature")
    signature_good = Said("Verdadera", "True")
    signature_bad = Said("FALSA", "FALSE")
    sinks = Said("Copias fuera de la casa", "Copies outside the house")
    sink = Said("Lugar", "Place")
    behind = Said("Faltan", "Behind")
    failures = Said("Fallas", "Failures")
    error = Said("Último error", "Last error")
    # solvency
    solvency_day = Said("Certificado del {day}", "Certificate of {day}")
    no_certificate = Said("Aún no hay certificado de solvencia.", "There is no certificate of solvency yet.")
    asset = Said("Activo", "Asset")
    liabilities = Said("Debe", "Owes")
    suspense = Said("Sin dueño conocido", "Owner unknown")
    reserve = Said("Tiene", "Has")
    surplus = Said("Excedente", "Surplus")
    solvent = Said("Solvente", "Solvent")
    # security settings
    limits = Said("Límites por minuto", "Limits a minute")
    tier = Said("Nivel", "Tier")
    tier_units = Said("Unidades", "Units")
    tier_trades = Said("Operaciones", "Trades")
    roles = Said("Roles", "Roles")
    price_calls = Said("Consultas de precio por dirección", "Price calls an address")
    open_units = Said("Unidades sin llave por dirección", "Units without a key an address")
    key_failures = Said("Llaves falsas por dirección", "Bad keys an address")
    doors = Said("Puertas", "Doors")
    tls = Said("TLS en la casa", "TLS in the house")
    tls_none = Said("no: lo pone el proxy", "no: the proxy does it")
    certificate_ends = Said("El certificado vence", "The certificate expires")
    hsts = Said("HSTS, segundos", "HSTS, seconds")
    proxies = Said("Proxies de confianza", "Trusted proxies")
    hosts = Said("Nombres atendidos", "Names answered to")
    any_host = Said("cualquiera", "any")
    cors = Said("Orígenes CORS", "CORS origins")
    nobody = Said("ninguno", "none")
    sealing = Said("Sellado de datos", "Sealing of data")
    provider = Said("Guarda las llaves", "Keeper of keys")
    former = Said("Aún abre con", "Still opens with")
    newest_key = Said("Llave más nueva", "Newest key")
    away = Said("no responde", "does not answer")
    policy = Said("Contraseñas y sesiones", "Passwords and sessions")
    password_min = Said("Letras como mínimo", "Characters at least")
    password_days = Said("Días que dura (0: sin fin)", "Days it lasts (0: no end)")
    password_history = Said("Anteriores que no vuelven", "Earlier ones that may not return")
    password_hash = Said("Argon2id", "Argon2id")
    password_breached = Said("Lista de contraseñas filtradas", "List of breached passwords")
    staff_factor = Said("Segundo factor obligatorio", "Second factor required")
    step_up = Said("Dura fresco, segundos", "Stays fresh, seconds")
    staff_idle = Said("Sesión del personal en reposo, segundos", "Staff session at rest, seconds")
    session_max = Said("Sesión como máximo, segundos", "Session at most, seconds")
    # refusals: `refusal_` and the code
    refusal_role_denied = Said("Su rol no permite esto.", "Your role may not do this.")
    refusal_scope_missing = Said("Su llave no alcanza para esto.", "Your key does not reach this.")
    refusal_unauthenticated = Said("Su sesión terminó. Entre de nuevo.", "Your session has ended. Sign in again.")
    refusal_session_required = Said(
        "Esto lo hace una persona, no una llave.", "A person does this, not a key."
    )  # fmt: skip
    refusal_second_factor_wrong = Said("Ese código no es correcto.", "That code is not right.")
    refusal_second_factor_delayed = Said("Demasiados intentos. Espere un poco.", "Too many attempts. Wait a little.")
    refusal_too_many_attempts = Said("Demasiados intentos. Espere un poco.", "Too many attempts. Wait a little.")
    refusal_last_factor = Said("Es su último segundo factor.", "It is your last second factor.")
    refusal_enrolment_not_found = Said(
        "La preparación venció. Empiece de nuevo.", "Setting up has expired. Start again."
    )  # fmt: skip
    refusal_factor_not_found = Said("No existe ese factor.", "There is no such factor.")
    refusal_session_not_found = Said("Esa sesión ya terminó.", "That session has already ended.")
    refusal_password_wrong = Said("La contraseña actual no es correcta.", "The present password is not right.")
    refusal_password_unfit = Said(
        "Esa contraseña es corta, fácil de adivinar, usada o conocida por otros.",
        "That password is short, easy to guess, used before or known to others.",
    )
    refusal_principal_not_found = Said("No existe esa persona.", "There is no such person.")
    refusal_customer_not_found = Said("No existe ese cliente.", "There is no such customer.")
    refusal_key_not_found = Said("No existe esa llave.", "There is no such key.")
    refusal_key_ended = Said("Esa llave ya no vive.", "That key has ended.")
    refusal_keys_limit = Said("Tiene ya demasiadas llaves.", "They have too many keys already.")
    refusal_scope_unknown = Said("Hay un alcance que no existe.", "One of the scopes does not exist.")
    refusal_scope_not_of_role = Said("Ese alcance no es de su rol.", "That scope is not of their role.")
    refusal_scope_beyond_caller = Said("No puede dar más de lo que tiene.", "You cannot give more than you have.")
    refusal_network_invalid = Said("Esa dirección o red no es válida.", "That address or network is not valid.")
    refusal_expiry_invalid = Said("Ese vencimiento no es válido.", "That expiry is not valid.")
    refusal_owner_blocked = Said("Esa persona está bloqueada.", "That person is blocked.")
    refusal_self_block = Said("Nadie se bloquea a sí mismo.", "Nobody blocks themselves.")
    refusal_login_exists = Said("Ya puede entrar.", "They can sign in already.")
    refusal_email_missing = Said("Falta el correo.", "The e-mail is missing.")
    refusal_email_invalid = Said("Ese correo no es válido.", "That e-mail is not valid.")
    refusal_email_taken = Said("Otra persona tiene ese correo.", "Somebody else has that e-mail.")
    refusal_text_invalid = Said(
        "Un texto está vacío, es muy largo o tiene signos raros.", "A text is empty, too long or has odd characters."
    )
    refusal_id_invalid = Said("Ese identificador no es válido.", "That identifier is not valid.")
    refusal_time_invalid = Said("Esa hora no es válida.", "That time is not valid.")
    refusal_database_unavailable = Said(
        "La casa no alcanza su base de datos. Intente de nuevo.", "The house cannot reach its database. Try again."
    )
    refusal_other = Said("La casa no lo hizo ({code}).", "The house did not do it ({code}).")

    def refusal(self, code: str) -> str:
        """What a refusal says to a person."""
        found: str | None = getattr(self, f"refusal_{code}", None)
        return self.refusal_other.format(code=code) if found is None else found

    def named(self, kind: str, value: str) -> str:
        """The name of a role, a state or a factor; its own where it has none."""
        return str(getattr(self, f"{kind}_{value}", value))


_WORDS = {language: Words(language) for language in Language}


def words_in(language: Language) -> Words:
    """The texts in that language."""
    return _WORDS[language]
